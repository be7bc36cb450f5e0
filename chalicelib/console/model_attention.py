"""What of a model's health somebody should look at."""

from chalicelib.console.sections import Attention, Tone
from chalicelib.ml.schemas_health import Saude, SaudeModelo

SAID: dict[Saude, tuple[str, Tone]] = {
    Saude.OK: ("Bem", "bom"),
    Saude.ATENCAO: ("Atenção", "atencao"),
    Saude.DERIVA: ("Deriva", "critico"),
    Saude.SEM_DADOS: ("Sem medida", "neutro"),
}


def model_attention(found: SaudeModelo, text: str, path: str) -> Attention:
    """How a model is doing, and where its page is."""
    value, tone = SAID[found.estado]
    detail = found.motivos[0] if found.motivos else ""
    return Attention(value, text, path, "Ver o modelo", tone, detail)
