"""The gym's three hot endpoints as a competent team would build them from the same brief.

FastAPI with response models, SQLAlchemy's ORM over psycopg2 and a pool, a joblib-stored random
forest of 200 trees; synchronous views on the thread pool, one uvicorn process with uvloop and
httptools. It is meant to be as fast as that choice of tools allows: indexes that fit its queries,
no query in a loop, one row predicted on one thread, no access log.

What it does less than ours: no token, no reasons, no roles of the database, no event keys.

    models      tables        schemas     what it takes and answers
    database    engine, pool  queries     what it asks the database
    forest      features, training, prediction
    app         the views
"""
