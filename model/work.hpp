// What an algorithm must do, whatever runs it: the claim of a kernel and the demand of an operator.
#pragma once

#include "model/quantity.hpp"

namespace limen::model {

// Bytes that must be read and written, and arithmetic operations. Traffic that only a machine adds
// (write-allocate, padding, re-reads) does not belong here.
template <class S>
struct WorkOf {
  BytesOf<S> read;
  BytesOf<S> written;
  FlopsOf<S> flops;

  constexpr BytesOf<S> moved() const { return read + written; }
  friend constexpr WorkOf operator+(WorkOf a, WorkOf b) {
    return {a.read + b.read, a.written + b.written, a.flops + b.flops};
  }
  friend constexpr WorkOf operator*(S n, WorkOf a) {
    return {n * a.read, n * a.written, n * a.flops};
  }
};

using Work = WorkOf<double>;

}  // namespace limen::model
