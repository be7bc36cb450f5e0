"""Queue `credit_orders_queue`: lots of orders."""

from chalicelib.core.runs import JobRun
from chalicelib.credit import service_order_lots
from chalicelib.credit.queues import CREDIT_ORDERS_QUEUE, PedidosMessage
from chalicelib.credit.schemas_order_lots import LotePedidosReport
from functions.runtime import queue_handler


@queue_handler(CREDIT_ORDERS_QUEUE)
def handler(run: JobRun, lot: PedidosMessage) -> LotePedidosReport:
    """Decide on the orders of one lot."""
    return service_order_lots.decide_lot(run, lot)
