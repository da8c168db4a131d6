// The ways in which ranks exchange data on the critical path of a step.
#pragma once

namespace limen::model {

enum class Exchange { all_reduce, all_gather, reduce_scatter, all_to_all, hop };

constexpr const char* name(Exchange e) {
  switch (e) {
    case Exchange::all_reduce:
      return "all-reduce";
    case Exchange::all_gather:
      return "all-gather";
    case Exchange::reduce_scatter:
      return "reduce-scatter";
    case Exchange::all_to_all:
      return "all-to-all";
    case Exchange::hop:
      return "hop";
  }
  return "";
}

}  // namespace limen::model
