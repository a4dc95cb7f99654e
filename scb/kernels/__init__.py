"""Implementations of attend and its adjoint: one module each, all with `attend` and `adjoint`."""
