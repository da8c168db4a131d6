// Prefill: how long a prompt takes until its first token is out.
//
// The same operators as in decoding, with many tokens a sequence: weights are read once for all of
// them, each token attends to those before it, and of the last token alone logits are computed. In
// chunks, weights are read for each chunk and the keys and values of those before it are read
// again. Over pipeline stages the chunks follow one another: the longest passes all stages, the
// others add what they take on the slowest stage.
#pragma once

#include <optional>

#include "model/series.hpp"

namespace limen::model {

struct PrefillTime {
  double through = 0;   // seconds from a prompt's start to its first token
  double occupied = 0;  // seconds for which the slowest stage is taken
  double longest = 0;   // seconds of the longest chunk, all stages
};

class Prefill {
 public:
  // The case's batch: prompts that are taken in together; its context and tokens are not looked at.
  // input >= 1 tokens, in chunks of `chunk` tokens; 0: at once.
  Prefill(Case c, long long input, long long chunk)
      : busy_(busy_stages(*c.transformer, c.partition.pp)) {
    const long long size = chunk > 0 ? std::min(chunk, input) : input;
    chunks_ = (input + size - 1) / size;
    const long long before = (chunks_ - 1) * size;
    c.workload.context = 1;
    c.drafts = {};
    if (chunks_ > 1) {
      c.workload.tokens = double(size);
      c.workload.projected = Projected::none;
      early_.emplace(c, double(size), chunks_ - 1);
    }
    c.workload.context = double(before + 1);
    c.workload.tokens = double(input - before);
    c.workload.projected = Projected::last;
    last_ = passes_of(c);
  }

  long long chunks() const { return chunks_; }

  // clock(demand) gives a function from the demand of steps with the same exchanges to seconds.
  template <class C>
  PrefillTime time(C&& clock) const {
    const double last = clock(last_)(last_);
    if (!early_) return {last, last / busy_, last};
    const auto step_time = clock(early_->first());
    const double sum = last + early_->sum(step_time);
    const double longest = std::max(last, step_time(early_->last()));
    return {longest + (sum - longest) / busy_, sum / busy_, longest};
  }

 private:
  double busy_;
  long long chunks_ = 1;
  std::optional<Series> early_;  // chunks but the last
  Passes last_;
};

}  // namespace limen::model
