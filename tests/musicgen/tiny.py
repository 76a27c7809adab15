"""A MusicGen small enough for a processor: the real architecture, a few thousand weights, drawn at random."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    EncodecConfig,
    EncodecModel,
    MusicgenConfig,
    MusicgenForConditionalGeneration,
    MusicgenMelodyConfig,
    MusicgenMelodyForConditionalGeneration,
    PreTrainedTokenizerFast,
    T5Config,
)
from transformers.models.musicgen import MusicgenDecoderConfig
from transformers.models.musicgen_melody import MusicgenMelodyDecoderConfig

#: As MusicGen's own codec: 32 kHz, 640 samples a frame, four codebooks.
SAMPLING_RATE, HOP, CODEBOOKS = 32_000, 640, 4
CODES = 2_048
WORDS = ("calm", "piano", "drums", "bass", "in", "minor", "major", "bpm", ",")


def save(directory: Path, *, channels: int = 1, melody: bool = False, seed: int = 1) -> Path:
    """`melody`: of the sort that follows tunes."""
    torch.manual_seed(seed)
    model: Any
    if melody:
        decoder = MusicgenMelodyDecoderConfig(**_decoder(channels))
        melodic = MusicgenMelodyConfig.from_sub_models_config(_text(), _codec(), decoder)
        model = MusicgenMelodyForConditionalGeneration(melodic)
        with torch.no_grad():
            # What is new weighs next to nothing: what a tune changes would be too little to change a tone.
            for weight in (
                model.audio_enc_to_dec_proj.weight,
                model.decoder.model.decoder.layers[0].self_attn.out_proj.weight,
            ):
                weight *= 100
    else:
        plain = MusicgenConfig.from_sub_models_config(_text(), _codec(), MusicgenDecoderConfig(**_decoder(channels)))
        model = MusicgenForConditionalGeneration(plain)
    _heard(model.audio_encoder)
    model.generation_config.update(
        do_sample=True,
        guidance_scale=3.0,
        max_length=1_500,
        pad_token_id=CODES,
        bos_token_id=CODES,
        decoder_start_token_id=CODES,
    )
    model.save_pretrained(directory)
    _tokenizer().save_pretrained(directory)
    return directory


def _heard(codec: EncodecModel) -> None:
    """A new codec's codes all mean nothing, and it whispers: they are drawn, and its last layer is turned up, so that
    there is sound to compare."""
    with torch.no_grad():
        for layer in codec.quantizer.layers:
            layer.codebook.embed.normal_()
        codes = torch.randint(0, CODES, (1, 1, CODEBOOKS, 100))
        loudest = codec.decode(codes, [None]).audio_values.abs().max()
        last = codec.decoder.layers[-1].conv
        for weight in last.parameters():
            if weight.dim() == 1 or weight.shape[1:].numel() == 1:  # the bias, and the gain of the weight norm
                weight *= 0.5 / loudest


def _text() -> T5Config:
    return T5Config(
        vocab_size=32, d_model=24, d_kv=8, d_ff=32, num_layers=1, num_heads=2, pad_token_id=0, eos_token_id=1
    )


def _codec() -> EncodecConfig:
    return EncodecConfig(
        target_bandwidths=[2.2],
        sampling_rate=SAMPLING_RATE,
        audio_channels=1,
        normalize=False,
        chunk_length_s=None,
        overlap=None,
        hidden_size=8,
        num_filters=2,
        num_residual_layers=1,
        upsampling_ratios=[8, 5, 4, 4],
        num_lstm_layers=1,
        codebook_size=CODES,
        codebook_dim=8,
        use_causal_conv=False,
        norm_type="weight_norm",
    )


def _decoder(channels: int) -> dict[str, Any]:
    return {
        "vocab_size": CODES,
        "num_hidden_layers": 1,
        "ffn_dim": 32,
        "num_attention_heads": 2,
        "hidden_size": 16,
        "num_codebooks": CODEBOOKS * channels,
        "audio_channels": channels,
        "pad_token_id": CODES,
        "bos_token_id": CODES,
    }


def _tokenizer() -> PreTrainedTokenizerFast:
    words = {word: number for number, word in enumerate(("<pad>", "</s>", "<unk>", *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))  # noqa: S106  a word, no secret
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",  # noqa: S106  likewise
        eos_token="</s>",  # noqa: S106
        unk_token="<unk>",  # noqa: S106
    )
