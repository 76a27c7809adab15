"""Writes and reads what people keep: audio files, MIDI, waveform peaks and pictures."""

from music.output.audio import FORMATS, AudioWriter, write_audio
from music.output.midi import midi
from music.output.reading import StemFile, read_audio
from music.output.waveform import Waveform

__all__ = ["FORMATS", "AudioWriter", "StemFile", "Waveform", "midi", "read_audio", "write_audio"]
