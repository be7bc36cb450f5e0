"""What tests of the gym's pages begin with."""

from tests.gym.conftest import hold_out, make_aluno, plano_id

__all__ = ["hold_out", "make_aluno", "plano_id"]
