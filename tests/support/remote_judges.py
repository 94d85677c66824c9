"""Judges of one prompt behind an endpoint, and the two texts that they are asked about."""

from ensemble.calibration import Platt
from ensemble.members.prompts import Prompt
from ensemble.members.remote_judge import RemoteJudge, RemoteJudgeFile
from ensemble.members.specs import JudgeSpec
from ensemble.text import Text

PROMPT = Prompt(name="p", item="Passage: {text}\nQuestion: is somebody in pain?")
HURT, WELL = Text("he broke his arm"), Text("she sang well")


def judges_of(endpoint):
    """For a fixture to `yield from`: makes judges of an endpoint by settings, and closes them in the end."""
    made = []

    def make(form="logprobs", limits=None, **settings):
        spec = JudgeSpec(**{"endpoint": endpoint.url, "endpoint_model": "tiny", "retries": 2} | settings)
        file = RemoteJudgeFile(spec=spec, prompt=PROMPT, form=form, calibration=Platt(slope=1.0, intercept=0.0))
        made.append(RemoteJudge(file.versioned(), limits=limits and JudgeSpec(**limits)))
        return made[-1]

    yield make
    for one in made:
        one.close()
