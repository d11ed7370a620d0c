"""Judges: classifiers of text that this workflow trains on public text, to judge what models write.

    examples    labelled texts from files, and which of them are held out
    judge       a judge as it is used: texts -> probabilities

They learn from no record of a study. Made by steps/judge.py, once for all studies that name them.
"""
