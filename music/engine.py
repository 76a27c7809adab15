"""Which engine made a piece."""

#: Stands in every plan. A change that alters what a seed sounds like takes the next number.
ENGINE = "procedural/3"
