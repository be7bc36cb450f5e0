"""A model's health in a word: on Início, and among all models."""

from chalicelib.console.sections import Attention, ServedModel, ServedModels, Tone
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
    return Attention(value, text, path, "Ver o modelo", tone, _reason(found))


def the_model(found: SaudeModelo, name: str, path: str) -> ServedModels:
    """The one model of a product, and what of it is served."""
    state, tone = SAID[found.estado]
    one = ServedModel(
        name, path, found.versao, found.idade_dias, state, tone, detail=_reason(found)
    )
    return ServedModels([one], 1)


def _reason(found: SaudeModelo) -> str:
    return found.motivos[0] if found.motivos else ""
