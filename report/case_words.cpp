#include "report/case_words.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace limen::report {
namespace {

constexpr Fact facts[] = {Fact::model, Fact::machine, Fact::context,   Fact::weights,
                          Fact::kv,    Fact::drafts,  Fact::partition, Fact::batch};

}  // namespace

std::string words_of(const PredictedCase& c, Fact fact) {
  const auto& w = c.workload;
  switch (fact) {
    case Fact::model:
      return c.model;
    case Fact::machine:
      return c.machine;
    case Fact::context:
      return fmt::format("context {:.0f}", w.context);
    case Fact::weights: {
      std::string out = fmt::format("weights {}", name(w.weights));
      if (w.experts != w.weights) out += fmt::format(", experts {}", name(w.experts));
      if (w.head != w.weights) out += fmt::format(", head {}", name(w.head));
      return out;
    }
    case Fact::kv:
      return fmt::format("KV {}", name(w.kv));
    case Fact::drafts:
      return c.drafts.tokens > 0 ? fmt::format("{} drafted by {} and right at {:g}",
                                               c.drafts.tokens, c.drafted_by, c.drafts.acceptance)
                                 : "no drafts";
    case Fact::partition: {
      const auto& p = c.partition;
      std::string out = fmt::format("tp {}", p.tp);
      for (const auto& [key, n] : {std::pair{"pp", p.pp}, {"ep", p.ep}, {"dp", p.dp}})
        if (n > 1) out += fmt::format(" {} {}", key, n);
      return out;
    }
    case Fact::batch:
      return fmt::format("batch {:.0f}", w.batch);
  }
  return "";
}

CaseWords::CaseWords(const std::vector<PredictedCase>& cases) {
  for (Fact f : facts) {
    const bool same = std::all_of(cases.begin(), cases.end(), [&](const PredictedCase& c) {
      return words_of(c, f) == words_of(cases.front(), f);
    });
    if (!same) {
      varying_.push_back(f);
    } else if (!cases.empty()) {
      const std::string words = words_of(cases.front(), f);
      if (words == "no drafts") continue;
      common_ += (common_.empty() ? "" : f == Fact::machine ? " on " : ", ") + words;
    }
  }
}

std::string CaseWords::of(const PredictedCase& c, const std::vector<Fact>& without) const {
  std::string out;
  for (Fact f : varying_) {
    if (std::find(without.begin(), without.end(), f) == without.end())
      out += (out.empty() ? "" : ", ") + words_of(c, f);
  }
  return out;
}

}  // namespace limen::report
