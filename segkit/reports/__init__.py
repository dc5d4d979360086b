"""The HTML page about runs, after they have ended.

* `run_records`: what the files of a run tell.
* `run_report`: the HTML page of one or more runs; the command `segkit report`.
* `confusion_table`: the confusion matrix on that page.
"""
