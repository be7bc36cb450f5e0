"""Credit: each company's own model decides its orders, and says why.

Glossary:
    empresa: A company; the tenant of all that is its own. *Cliente*, who orders from it.
    pedido: An order. *Desfecho*, what became of it: faturado or bloqueado (a decision somebody
        took), pago or inadimplente (what the cliente did).
    alvo: What a model learns to foretell: `faturamento` (bloqueado) or `pagamento` (inadimplente).
    limite: Credit granted to a cliente from an instant on. *Exposição*, how much of it is used.
    consulta: What Serasa answered about a cliente on one day.
    atributos: A company's own columns of any of these.
    dataset: A collection of the four kinds, sent in *lotes* of at most 500 items and closed once
        it is whole; *acervo*, the standing collection of a company, which every closed dataset
        is poured into and orders are decided on.
    política: A version of the company's rules, costs and of which columns are sensitive or
        changeable; *faixa de revisão*, the scores that a person decides.
    decisão: aprovado, revisao or negado; *justificativas*, the reasons for it.

Deciding is best read in this order: `policy`, `cases`, `rules`, `verdicts`, `counterfactuals` and
`assessments`, which are pure; then `intake`, `service_orders`, `service_replay`.

Queues: `credit_lots_queue` (lots, large files of them), `credit_datasets_queue` (a closing),
`credit_removals_queue` (what was given up), `credit_lgpd_queue` (files that may mention an
erased cliente), `credit_training_queue`, `credit_orders_queue` (orders in lots),
`credit_analysis_queue` (comparisons, trials, health).
Models: `credito`, one of each company.
"""
