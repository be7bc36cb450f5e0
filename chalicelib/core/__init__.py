"""The kernel; it knows no product. In the order in which it is best read:

A request: `web`, `views` (what is declared), `edge` (what happens), `parsing`, `calls`, `errors`,
`auth`, `ratelimit`, `idempotency`, `pages`, `answer_headers`, `preflights`, `openapi`, `docs`.
The database: `db`, `statements`, `pg`, `rowblocks`.
Work: `queues`, `jobs`, `claims`, `runs`, `heartbeat`, `sweep`, `job_control`; how workers hear of
it: `brokers`, `doorbells`; by the clock: `schedules`.
Files: `storage`, `uploads`, `upload_removal`, `rowfile`, `imports`.
Looking on: `telemetry`, `metrics`, `scraping`, `route_counts`, `route_minutes`, `summary`,
`error_reports`, `status`; the trail: `audit`, `audit_chain`, `audit_heads`, `audit_export`.
Under all of it: `settings`, `clock`, `types`, `redis_link`, `cache`. What it serves:
`routes`, `routes_audit`.
"""
