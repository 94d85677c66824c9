"""Labels out of answers by several people: who is how reliable, what a text's answers say together, what is not sure.

The model is Dawid and Skene's (Applied Statistics 28, 1979) for yes, no and unsure, with Dirichlet priors, and with a
third kind of text besides yes and no: the ambiguous one, about which careful people answer differently. `AnswerModel`
takes one answer at a time; `fit` takes all at once and comes to the same labels.
"""
