"""The prices: projects in which people train, compare and serve models of their own data.

Glossary:
    projeto: What people share: its datasets, models and predictions. Within a tenant it is seen by
        its owner and by those it is shared with; to everybody else, an admin of the house too,
        it does not exist.
    dono: Who made the projeto or had it passed on; may do everything, and alone delete it.
    membro: Somebody it is shared with, as leitor (looks and predicts), treinador (also sends data
        and trains) or admin (also shares, corrects, promotes).
    dataset: One file of rows as it was sent, kept as Parquet; numbered within its projeto
        (versao), and known by the digest of its bytes: the same file again is the same dataset.
    perfil: What the profiling found in a dataset, by column. A correction says better, and the
        effective profile follows from both; each correction makes a new revisao.
    coluna: Has a tipo (how its values are read) and a papel (what it is for).
    treinamento: One experiment on a dataset: algorithms compared on the same folds, the best one
        judged, published as the next versao of the projeto's model, and promoted if it may be.
    previsao: One answered case, kept with what was asked; a file's are counted, not kept.
    referencia: The caller's own key of a case, by which its real value is told later.
    observado: What a case turned out to be.

Queues: `prices_profile_queue` (reads a file, keeps it as Parquet, profiles it),
`prices_removal_queue` (removes what a deleted dataset or projeto had stored),
`prices_training_queue` (experiments), `prices_prediction_queue` (files of cases) and
`prices_analysis_queue` (comparisons, health).

Model: `precos/<id of the projeto, hexadecimal>`, of the projeto's tenant.
"""
