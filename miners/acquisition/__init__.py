"""Which texts people label next: one strategy a file, all behind `strategy.Strategy`, by name in `registry`.

What a strategy is given: a pool of n texts, and what people have answered of them so far. What it gives back: at most
so many texts, most wanted first, each with the probability q with which it was chosen.

What q is, so that a rate can be told from the answers
------------------------------------------------------
Choices are made in rounds t = 1, 2, ... Let R_t be the texts that nobody has answered before round t, and H_t
everything known by then (all answers, the pool). The strategy makes up a probability pi_t(i) for *every* text i of R_t
from H_t alone, and then draws B_t, exactly k_t different texts of R_t, such that

    P(i in B_t | H_t) = pi_t(i),   0 < pi_t(i) <= 1,   sum over R_t of pi_t(i) = k_t.

`Choice.probabilities` holds pi_t(i) of the texts drawn. So q is an *inclusion* probability of one round, conditional on
all rounds before it; it is no probability per draw, and no probability over the whole campaign. Nothing is rejected
after the draw. The answers of one round may shape the next in any way.

* One round: the sum of y_i / q_i over B_t has the expectation, given H_t, of the sum of y over R_t (Horvitz and
  Thompson 1952). Together with the answers before it, it estimates the sum over the whole pool without bias.
* Several rounds: each of them gives such an estimate, and any mean of them whose weights were fixed beforehand is
  unbiased too. With k_t = 1 and the weights of Farquhar, Gal and Rainforth (2021, ICLR) this is their LURE estimator, q
  being their proposal q(i_m; i_1:m-1). A round counts once all of it is answered.
* Second votes: a text that was answered in an earlier round may come again. That is no draw from R_t: it stands in the
  choice with q = 1, k_t does not count it, and an estimator must leave it out (its index is among those answered).
  Its new answer belongs to the round in which the text was first drawn.
* Where no more is left than is asked for, all q are 1.
* Joint probabilities of pairs are not given, and may be 0: batches are drawn systematically. The spread of an estimate
  is told by how its rounds scatter, not by a formula with pair probabilities.

`random` draws with equal probabilities and `adaptive` with shaped ones. The other strategies are rankings: they leave
nothing to chance (but ties), their q is 1 by convention, and no rate can be told from their answers.

How little q may be is set by `settings.AdaptiveSettings`: every text left has at least floor_share * k_t / |R_t|; a
text on which all members agree that nothing is wrong has audit_share * k_t / (number of such calm texts) on top; a
spread_share of the places is drawn in proportion to the square root of the value; and what is left of the places goes
steeply to the highest values. Spreading costs findings and narrows the interval of the rate.
"""
