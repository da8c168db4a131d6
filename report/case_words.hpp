// What sets cases apart, in words: what all of them share goes into a heading, the rest beside
// each.
#pragma once

#include <string>
#include <vector>

#include "report/prediction_table.hpp"

namespace limen::report {

// In the order in which they are read.
enum class Fact { model, machine, context, weights, kv, drafts, partition, batch };

class CaseWords {
 public:
  explicit CaseWords(const std::vector<PredictedCase>& cases);

  // "llama-3.1-8b on vm, context 4096, weights int4, KV bf16": what all cases have in common.
  const std::string& common() const { return common_; }
  // Of the facts in which cases differ, those of this one; may be empty.
  std::string of(const PredictedCase& c, const std::vector<Fact>& without = {}) const;

 private:
  std::vector<Fact> varying_;
  std::string common_;
};

std::string words_of(const PredictedCase& c, Fact fact);

}  // namespace limen::report
