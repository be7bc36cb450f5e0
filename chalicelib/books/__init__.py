"""The books: a shop's catalogue, read off its pages, kept with its history, and given out.

Glossary:
    source: The site that was read: the real one, or the shop of made-up books that the project
        serves itself; a site of ours says so on every page, and what was read off it says so too.
    run: One reading of the whole site; a job's run, known by the job's id.
    snapshot: The catalogue as one run found it, numbered. Its number is the catalogue's version,
        its digest is that of its lines as CSV.
    book: Known by its UPC; its id stays the same for as long as the UPC does.
    version: What was known of a book from one snapshot until the next that found it different. The
        history of prices and stock, the feed of changes and the catalogue of any snapshot are
        read off versions.
    gone: Not on the site any more; kept, and not available.
    copies: How many are in stock.
    quarantine: Pages that could not be read, with the reason.

    training data: Of each snapshot, what a model may learn of its books, as files and as pages;
        which books judge is decided by a digest of the UPC, for ever.

Queues: `books_scrape_queue` (reads the site), `books_training_queue` (keeps the training data of a
snapshot and trains the price model). Model: `precos-livros`.
"""
