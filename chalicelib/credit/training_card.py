"""What a company's model card says beside what every model's does: the threshold and its costs,
what was left out, what to beware of."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np
from pydantic import Field

from chalicelib.core.runs import JobRun
from chalicelib.credit.models import credit_model_name
from chalicelib.credit.policy import is_own
from chalicelib.credit.training_columns import LeftOut, misfits
from chalicelib.credit.training_costs import (
    Judged,
    Point,
    cheapest_threshold,
    decision_costs,
    point,
    points,
    unfit,
)
from chalicelib.credit.training_data import Counts, Orders
from chalicelib.credit.training_policy import Costs, TrainingPolicy
from chalicelib.credit.training_recipe import CreditRows
from chalicelib.ml.artefacts import sha256_of
from chalicelib.ml.registry import version_of
from chalicelib.ml.training.figures import lines_figure
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.hold_outs import BY_ENTITY
from chalicelib.ml.training.publication import Publishable, TrainingReport
from chalicelib.ml.training.recipe import Candidate, fit_rows
from chalicelib.ml.training.splits import RowSplit

NOT_FIT = "Não decide melhor que sem modelo: {why} Por si não é a primeira a responder."
OF_DECISIONS = (
    "O alvo são decisões passadas, não pagamentos: o modelo repete quem decidiu, com seus acertos"
    " e seus erros, e não sabe quem teria pago."
)
ONLY_APPROVED = (
    "Pedidos bloqueados, sem desfecho de pagamento: {n}. O modelo só conhece quem foi aprovado,"
    " e erra mais com quem se parece com os bloqueados."
)
UNDATED = (
    "Itens de {kind} que não dizem desde quando valem: {n} de {of}. Contam como sabidos desde"
    " sempre: se foram anotados depois do desfecho, o modelo parece melhor do que é."
)
SAME_DAY = (
    "Itens que têm só o dia, e é o de um pedido do mesmo cliente: {n}. Contam como sabidos desde a"
    " meia-noite: se foram anotados depois do pedido, o modelo parece melhor do que é."
)
TOO_RECENT = (
    "Pedidos recentes que ficaram de fora: {n}. Dos da sua idade já se sabe quem pagou cedo, e"
    " ainda não quem não pagou."
)
NO_OUTCOME_DATES = (
    "Nenhum pedido diz quando o desfecho se soube: não se vê se, dos mais recentes, faltam os que"
    " demoram a se saber ruins."
)
UNDATED_ORDERS = (
    "Pedidos sem data: {n}. São vistos com tudo o que se sabe hoje, também o que veio depois."
)
BY_CLIENTE = (
    "As datas não permitem julgar em pedidos posteriores: julgam clientes separados por sorteio, e"
    " o que mudou com o tempo não se vê."
)
OLDER = "{n} pedidos mais antigos ficaram de fora: um treino lê os 200.000 últimos com desfecho."
MISFIT = "{n} valores de {name} são de outro tipo que o da coluna e contam como ausentes."
UNKNOWN_NAMES = (
    "Nenhum pedido traz {names}, que a política ou o pedido de treino declara: se o nome foi"
    " escrito de outro modo, a coluna de verdade está no modelo."
)
DEFAULT_COSTS = (
    "A política não diz os custos; o limiar supõe {loss:.0%} do valor perdido quando não pagam e"
    " {margin:.0%} ganho quando pagam."
)


class CreditReport(TrainingReport):
    """What a training of a company's model came to."""

    dataset: UUID
    alvo: str
    colunas: int = Field(description="Columns that the model reads.")
    colunas_fora: list[dict[str, str]] = Field(description="Columns left out, and why.")
    limiar: float = Field(description="Approving below this probability costs least.")
    custo_por_pedido: dict[str, Any] = Field(
        description="BRL on the orders that judge, with intervals: by this threshold, approving "
        "all, denying all."
    )
    avisos: list[str]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the orders of a dataset: all that were received are in one of the others.

    Attributes:
        recebidos: All.
        sem_desfecho: Without an outcome that the alvo knows.
        antigos: Not read: there are as many later ones as a training takes.
        vazios: Nothing is known of them but value and date.
        sem_data: Left out for want of a date, where nearly all have one.
        recentes: Too young for their outcome to be known, whichever it is.
        usados: The rest: trained on, or judged by.
    """

    recebidos: int
    sem_desfecho: int
    antigos: int
    vazios: int
    sem_data: int
    recentes: int
    usados: int


@dataclass(frozen=True)
class Learned:
    """What a training learns from and by.

    Attributes:
        dataset: Whose orders.
        alvo: What is foretold.
        counts: How much the dataset holds.
        policy: What the company's policy says to it.
        orders: The orders that can be learned from.
        taken: What became of the others.
        ignored: Columns that whoever asked for the training names.
    """

    dataset: UUID
    alvo: str
    counts: Counts
    policy: TrainingPolicy
    orders: Orders
    taken: Taken
    ignored: frozenset[str] = frozenset()

    @property
    def unknown(self) -> list[str]:
        """Own columns that somebody named and no order has."""
        named = self.policy.declared | {name for name in self.ignored if is_own(name)}
        return sorted(named - self.orders.own.keys() - self.orders.scarce)


def complete(
    ready: Publishable,
    rows: CreditRows,
    chosen: Candidate,
    folds: Sequence[RowSplit],
    learned: Learned,
    left_out: Sequence[LeftOut],
) -> Publishable:
    """Add the threshold, its costs, and what to beware of, to what the registry will say.

    The threshold is chosen on the training rows, each answered by a model that had not seen it,
    so that what it costs on the rows that judge is an honest figure.
    """
    costs, seed = learned.policy.costs, ready.recipe.seed
    limiar = cheapest_threshold(_out_of_fold(ready, rows, chosen.algorithm, folds), costs)
    judged = _judged(ready.judged, ready.answers)
    curve = points(judged, costs)
    order_costs = decision_costs(judged, limiar, costs, seed)
    doubt = unfit(ready.fields["metrics"]["validacao"]["roc_auc"], order_costs)
    decisao = {
        "limiar": limiar,
        "limiar_de_indiferenca": costs.indifference,
        "custos": costs.to_json(),
        "custo_por_pedido": order_costs,
        "no_limiar": point(judged, limiar, costs).to_json(),
        "por_limiar": [each.to_json() for each in curve],
    }
    fields = ready.fields
    misfit = misfits(learned.orders, ready.recipe.columns)
    data = {
        **fields["data"],
        "dataset": str(learned.dataset),
        "alvo": learned.alvo,
        "limiar": limiar,
        "politica_versao": learned.policy.version,
        "pedidos": asdict(learned.taken),
        "colunas_fora": [each.to_json() for each in left_out],
        "valores_de_outro_tipo": misfit,
        "avisos": [
            *([] if doubt is None else [NOT_FIT.format(why=doubt)]),
            *warnings(learned, fields["split"]["tipo"], costs),
            *(MISFIT.format(n=n, name=name) for name, n in misfit.items()),
        ],
        "onnx_sha256": sha256_of(ready.exported),
    }
    return replace(
        ready,
        unfit=doubt,
        fields={
            **fields,
            "data": data,
            "metrics": {**fields["metrics"], "decisao": decisao},
            "figures": {**fields["figures"], **_figures(curve)},
        },
    )


def _out_of_fold(
    ready: Publishable, rows: CreditRows, algorithm: str, folds: Sequence[RowSplit]
) -> Judged:
    """The training rows, each answered by a model that was fitted without it."""
    parts: list[Judged] = []
    for fold in folds:
        try:
            fitted = fit_rows(ready.recipe, algorithm, rows, fold.training)
        except TooLittleData:
            continue
        part = rows.part(fold.validation)
        parts.append(_judged(part, fitted.answers(part.table)))
    return Judged(
        *(np.concatenate([getattr(each, name) for each in parts]) for name in Judged.__match_args__)
    )


def _judged(rows: Any, answers: Any) -> Judged:
    return Judged(rows.y, answers, rows.orders.valor, rows.who)


def _figures(curve: Sequence[Point]) -> dict[str, Any]:
    share, bad, cost, threshold = (
        np.array([getattr(each, name) for each in curve], dtype=np.float64)
        for name in ("aprovacao", "ruins_entre_aprovados", "custo_por_pedido", "limiar")
    )
    known = ~np.isnan(bad)
    return {
        "aprovacao": lines_figure(
            "Ruins entre os aprovados",
            "Parcela aprovada",
            "Parcela ruim",
            {"modelo": (share[known], bad[known])},
        ),
        "custo": lines_figure(
            "Custo por limiar", "Limiar", "R$ por pedido", {"modelo": (threshold, cost)}
        ),
    }


def warnings(learned: Learned, split: str, costs: Costs) -> list[str]:
    """What to beware of, in pt-BR, the gravest first."""
    found = [*_of_what_was_asked(learned), *_of_dates(learned)]
    if split == BY_ENTITY:
        found.append(BY_CLIENTE)
    if not costs.stated:
        found.append(DEFAULT_COSTS.format(loss=costs.loss, margin=costs.margin))
    return found


def _of_what_was_asked(learned: Learned) -> Iterator[str]:
    if learned.alvo == "faturamento":
        yield OF_DECISIONS
    elif learned.counts.bloqueados:
        yield ONLY_APPROVED.format(n=learned.counts.bloqueados)
    if learned.unknown:
        yield UNKNOWN_NAMES.format(names=", ".join(learned.unknown))


def _of_dates(learned: Learned) -> Iterator[str]:
    counts, undated = learned.counts, int(np.isnat(learned.orders.as_of).sum())
    for kind, n, of in (
        ("clientes", counts.clientes_sem_data, counts.clientes),
        ("limites", counts.limites_sem_data, counts.limites),
    ):
        if n:
            yield UNDATED.format(n=n, of=of, kind=kind)
    if counts.itens_do_mesmo_dia:
        yield SAME_DAY.format(n=counts.itens_do_mesmo_dia)
    if undated:
        yield UNDATED_ORDERS.format(n=undated)
    if learned.taken.antigos:
        yield OLDER.format(n=learned.taken.antigos)
    if learned.taken.recentes:
        yield TOO_RECENT.format(n=learned.taken.recentes)
    if learned.alvo == "pagamento" and np.isnat(learned.orders.known_at).all():
        yield NO_OUTCOME_DATES


def credit_report(run: JobRun, report: TrainingReport) -> CreditReport:
    """What a training came to, with what its version's row says beside."""
    with run.reading() as session:
        row = version_of(session, credit_model_name(run.tenant), report.versao)
    return CreditReport(
        **report.model_dump(),
        dataset=UUID(row.data["dataset"]),
        alvo=row.data["alvo"],
        colunas=len(row.encoder["columns"]),
        colunas_fora=row.data["colunas_fora"],
        limiar=row.data["limiar"],
        custo_por_pedido=row.metrics["decisao"]["custo_por_pedido"],
        avisos=row.data["avisos"],
    )
