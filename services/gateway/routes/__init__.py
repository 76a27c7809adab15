"""The addresses that the gateway answers: HTTP in, one call of a neighbour, HTTP out."""
