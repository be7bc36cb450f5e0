"""The gym: who comes, who is about to stop coming, and why.

Glossary:
    aluno: A member. *Ativo* until they cancel.
    plano: What a member pays for.
    vigência: From `desde` on, an aluno had this plano and was active or not; the history that
        lets features be computed as of any past instant.
    check-in, visita: One stay, from *entrada* to *saída*; *aberta* while the aluno is inside,
        *sem saída* when nobody recorded the exit.
    revisão: A counter on the aluno, raised by every transaction that changes their visits or
        plano; what was computed under an older one is stale.
    churn: No visit in the 30 days that follow, or a cancellation within them.

Queues: `aluno_queue`, `checkin_queue` (bulk files), `model_update_queue` (training),
`churn_probabilities_queue` (every member's score), `daily_report_queue` (what a day was like).
Models: `churn`, of the house.
"""
