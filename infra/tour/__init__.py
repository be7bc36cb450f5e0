"""The product as it is shown: screenshots of its pages, and a film through all of it.

`make screenshots` and `make tour` start a whole installation in a throwaway folder, fill it with
made data by the same doors as anybody (the API, uploads, queues, a shop that is read), and drive
the system's Chromium through it.

    pages.py          every page, by name
    scenes.py         what the film shows, caption by caption
    installation.py   the throwaway installation
    filling/          what it is filled with, a product each
    browser.py        Chromium
    stage.py          what a hand does in a scene, frame by frame
    film.py           frames and captions -> H.264
"""
