"""Build, judge and publish a company's model of its orders; refuse, with numbers, where that
would not be honest."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from chalicelib.core.portuguese import number, percent
from chalicelib.core.runs import JobRun
from chalicelib.credit.errors import (
    AlvoNaoDito,
    ColunaEntregaResposta,
    DatasetAberto,
    DatasetNotFound,
    PedidosInaproveitaveis,
    PoucosPedidos,
)
from chalicelib.credit.queues import TreinoMessage
from chalicelib.credit.schemas_datasets import EstadoDataset
from chalicelib.credit.service_models import follow_promotion
from chalicelib.credit.tables import Dataset
from chalicelib.credit.training_card import CreditReport, Learned, Taken, complete, credit_report
from chalicelib.credit.training_columns import choose_columns, giveaways
from chalicelib.credit.training_data import Counts, Orders, read_counts, read_orders
from chalicelib.credit.training_policy import training_policy
from chalicelib.credit.training_recipe import (
    CreditRows,
    Parted,
    beside,
    credit_recipe,
    labelled,
    mature,
    part,
)
from chalicelib.ml.columns import Column
from chalicelib.ml.training.choice import train, try_algorithms
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.publication import earlier_report, prepare, publish
from chalicelib.ml.training.recipe import Candidate, Recipe
from chalicelib.ml.training.rows import Mask
from chalicelib.ml.training.selection import choose
from chalicelib.ml.training.splits import RowSplit

FEWEST_ORDERS, FEWEST_OF_A_CLASS = 200, 30
MOST_WITHOUT_OUTCOME, MOST_EMPTY = 0.9, 0.5
FEW_UNDATED = 0.05  # As few as that are left out, so that the others can be parted in time.
STEPS = 8


@dataclass(frozen=True)
class Source:
    """What a training is asked to learn from.

    Attributes:
        dataset: Which one.
        alvo: What is foretold.
        now: What orders without a date are looked at as of.
    """

    dataset: UUID
    alvo: str
    now: datetime


def train_model(run: JobRun, message: TreinoMessage) -> CreditReport:
    """Train on a closed dataset, judge on orders not trained on, publish, promote or keep.

    Raises:
        DatasetNotFound, DatasetAberto, AlvoNaoDito: There is nothing to train on.
        PoucosPedidos, PedidosInaproveitaveis, ColunaEntregaResposta: It would not be honest.
    """
    published = earlier_report(run)
    if published is not None:
        return credit_report(run, published)
    run.progress(0, STEPS, "lendo os pedidos")
    with run.reading() as session:
        source = source_of(session, message, run.started_at)
        policy = training_policy(session, run.tenant)
    counts = read_counts(run, source.dataset)
    orders = read_orders(run, source.dataset, source.alvo, source.now)
    used, taken = usable(orders, counts)
    ignored = frozenset(message.ignorar)
    learned = Learned(source.dataset, source.alvo, counts, policy, used, taken, ignored)
    try:
        return _train(run, learned)
    except TooLittleData as error:
        raise PoucosPedidos(motivo=_numbers(used)) from error


def source_of(session: Session, message: TreinoMessage, started_at: datetime) -> Source:
    """The dataset that a message names, if it may be trained on.

    Raises:
        DatasetNotFound, DatasetAberto, AlvoNaoDito: It may not.
    """
    found = session.get(Dataset, message.dataset)
    if found is None:
        raise DatasetNotFound
    if found.estado != EstadoDataset.FECHADO:
        raise DatasetAberto
    alvo = message.alvo or found.alvo
    if alvo is None:
        raise AlvoNaoDito
    # Of a closed dataset the same rows are read however late: its orders without a date are
    # looked at as of its closing.
    return Source(found.id, alvo, found.encerrado_em or started_at)


def usable(orders: Orders, counts: Counts) -> tuple[Orders, Taken]:
    """The orders that can be learned from, and how many cannot.

    Raises:
        PedidosInaproveitaveis: There are too many others.
        PoucosPedidos: There are too few of these.
    """
    known = len(orders) + orders.older
    if counts.pedidos and 1 - known / counts.pedidos > MOST_WITHOUT_OUTCOME:
        raise PedidosInaproveitaveis(
            motivo=f"De {number(counts.pedidos)} pedidos, {number(known)} têm um desfecho que este"
            f" alvo conhece; são precisos {percent(1 - MOST_WITHOUT_OUTCOME)}. Veja os desfechos"
            " dos lotes."
        )
    empty = orders.empty
    if len(orders) and empty.mean() > MOST_EMPTY:
        raise PedidosInaproveitaveis(
            motivo=f"De {number(len(orders))} pedidos com desfecho, de"
            f" {number(int(empty.sum()))} não se sabia mais nada na data deles: nem cliente, nem"
            f" limite, nem consulta, nem colunas próprias; no máximo {percent(MOST_EMPTY)} podem"
            " estar assim. Veja desde quando se diz que clientes e limites valem."
        )
    kept = judgeable(orders)
    found = orders.part(kept)
    undated = _few_undated(orders) & ~empty
    bad, recent = int(found.y.sum()), int((~kept & ~empty & ~undated).sum())
    if len(found) < FEWEST_ORDERS or min(bad, len(found) - bad) < FEWEST_OF_A_CLASS:
        too_recent = TOO_RECENT.format(n=number(recent)) if recent else ""
        raise PoucosPedidos(motivo=_numbers(found) + too_recent)
    return found, Taken(
        recebidos=counts.pedidos,
        sem_desfecho=counts.pedidos - known,
        antigos=orders.older,
        vazios=int(empty.sum()),
        sem_data=int(undated.sum()),
        recentes=recent,
        usados=len(found),
    )


def judgeable(orders: Orders) -> Mask:
    """(n,) which orders say something: neither empty nor too recent nor the few without a date."""
    return ~orders.empty & mature(orders) & ~_few_undated(orders)


def _few_undated(orders: Orders) -> Mask:
    """(n,) the orders without a date, where they are few; none where they are many."""
    undated: Mask = np.isnat(orders.as_of)
    if len(orders) and undated.mean() <= FEW_UNDATED:
        return undated
    return np.zeros(len(orders), dtype=np.bool_)


def _numbers(orders: Orders) -> str:
    clientes = len(np.unique(orders.who))
    return (
        f"{number(len(orders))} pedidos de {number(clientes)} clientes com desfecho conhecido,"
        f" {number(int(orders.y.sum()))} deles ruins: são precisos {FEWEST_ORDERS}, com"
        f" {FEWEST_OF_A_CLASS} de cada tipo, e clientes bastantes para treinar com uns e julgar"
        " com outros."
    )


TOO_RECENT = (
    " Outros {n} são recentes demais: dos pedidos desta idade já se conhecem os que foram pagos"
    " cedo, e ainda não os que não foram."
)


def _train(run: JobRun, learned: Learned) -> CreditReport:
    orders, sensitive = learned.orders, learned.policy.sensitive
    run.progress(1, STEPS, "separando quem julga de quem treina")
    parted = part(labelled(orders, ()), learned.alvo)
    run.progress(2, STEPS, "escolhendo as colunas")
    trained = orders.part(parted.split.training)
    chosen = choose_columns(trained, sensitive, learned.ignored)
    refuse_giveaways(orders, chosen.columns)
    recipe = credit_recipe(run.tenant, learned.alvo, chosen.columns, sensitive)
    rows = labelled(orders, chosen.columns)
    folds = parted.folds(rows, recipe.seed)
    candidate = _best(run, recipe, rows, parted, folds)
    run.progress(6, STEPS, "conferindo o modelo exportado")
    shown = beside(recipe, rows, parted.split, sensitive)
    ready = prepare(recipe, rows, parted.split, candidate, shown, parted.described)
    ready = complete(ready, rows, candidate, folds, learned, chosen.left_out)
    run.progress(7, STEPS, "publicando")
    return credit_report(run, publish(run, ready, then=follow_promotion))


def refuse_giveaways(orders: Orders, columns: tuple[Column, ...]) -> None:
    """Refuse to learn from what nobody will know when the model is asked.

    Raises:
        ColunaEntregaResposta: Names every such column, with its AUC.
    """
    found = giveaways(orders, columns)
    if not columns:
        raise PoucosPedidos(motivo="Nenhuma coluna diz algo que difira entre os pedidos.")
    if found:
        named = "; ".join(
            f"{each.column} ({'por faltar' if each.by_absence else 'pelo valor'},"
            f" AUC {number(each.auc, 3)})"
            for each in found
        )
        raise ColunaEntregaResposta(
            motivo=f"Estas colunas entregam o desfecho sozinhas: {named}. Devem ter sido"
            " preenchidas depois dele. Envie-as como estavam quando o pedido chegou, ou treine sem"
            " elas."
        )


def _best(
    run: JobRun, recipe: Recipe, rows: CreditRows, parted: Parted, folds: list[RowSplit]
) -> Candidate:
    share = 2 / len(recipe.algorithms)
    contenders = try_algorithms(
        recipe,
        rows,
        folds,
        lambda place, name: run.progress(3 + share * place, STEPS, f"avaliando {name}"),
    )
    algorithm = choose(contenders)
    run.progress(5, STEPS, f"treinando {algorithm}")
    return train(recipe, algorithm, rows, parted.split, contenders)
