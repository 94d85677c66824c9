"""The campaign: propose, score, select and queue, in rounds that survive being killed; `campaign` is the loop."""
