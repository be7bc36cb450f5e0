"""The gym: who comes, who is about to stop coming, and why.

Glossary:
    aluno: A member. *Ativo* until they cancel.
    plano: What a member pays for.
    vigência: From `desde` on, an aluno had this plano and was active or not; the history that
        lets features be computed as of any past instant.
    check-in, visita: One stay, from *entrada* to *saída*; *aberta* while the aluno is inside,
        *sem saída* when nobody recorded the exit. `visit_matching` says which exit is whose.
    saída sem entrada: An exit that no visit is known for; kept, and counted for nothing.
    anulada: Struck by the desk: a visit that never was.
    revisão: A counter on the aluno, raised by every transaction that changes them, their visits
        or their plano; what was computed under an older one is stale.
    sintético: Made up, for trying the model; no training and no report knows of them.
    fila: The day's worklist of members to contact; *jogada*, what is suggested; *regra*, the club's
        own alert; *desfecho*, what came of a contact.
    controle: Members held out of contacts by lot, so that the effect of contacts can be told.
    churn: No visit in the 30 days that follow, or a cancellation within them.

Queues: `aluno_queue`, `checkin_queue` (bulk files), `lgpd_queue` (files that may mention
whom was erased), `model_update_queue` (training), `churn_probabilities_queue` (every member's
score), `daily_report_queue` (what a day was like), `model_comparison_queue` (two versions on one
hold-out), `analysis_queue` (the model's health, retention).
Models: `churn`, of the house.
"""
