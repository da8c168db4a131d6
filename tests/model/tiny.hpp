// A model small enough to add up by hand.
#pragma once

#include "model/transformer.hpp"

namespace limen::model {

// 2 layers, hidden 8, 4 query heads and 2 KV heads of 2, network 16, vocabulary 10.
inline Transformer tiny() {
  Transformer t;
  t.hidden = 8;
  t.vocabulary = 10;
  t.attention[0] = {.layers = 2, .query_heads = 4, .kv_heads = 2, .head_dim = 2};
  t.feed_forward[0] = {.layers = 2, .width = 16};
  return t;
}

}  // namespace limen::model
