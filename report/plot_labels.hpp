// Finds places for labels beside what they name, so that none covers a mark or another label; in
// pixels or in the cells of a terminal.
#pragma once

#include <optional>
#include <vector>

namespace limen::report {

// From left and top (inside) to right and bottom (outside), downwards.
struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;

  double overlap(const Box& o) const;  // area
  bool holds(const Box& o) const {
    return o.left >= left && o.right <= right && o.top >= top && o.bottom <= bottom;
  }
};

struct Label {
  Box named;  // beside which it is to stand
  double width = 0, height = 0;
  int reach = 1;  // steps that it may be away: 1 is next to it
};

struct LabelSpace {
  Box frame;                 // holds all labels
  double gap = 1, step = 1;  // between a mark and its label; of `reach`
  std::vector<Box> marks;    // that no label may cover
  std::vector<Box> lines;    // that labels should not cover
};

// In the order given, so that the first have the choice. Nothing where there is no room.
std::vector<std::optional<Box>> place_labels(const std::vector<Label>& labels, LabelSpace space);

}  // namespace limen::report
