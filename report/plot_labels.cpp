#include "report/plot_labels.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace limen::report {
namespace {

// Around `n`, a step each further away: right first, as one reads; then what is nearest to it.
std::array<Box, 8> around(const Box& n, double w, double h, double gap, double away) {
  const double right = n.right + gap + away, left = n.left - gap - away - w;
  const double above = n.top - h - away, below = n.bottom + away;
  // Whole cells stay whole.
  const double beside = n.top + std::floor((n.bottom - n.top - h) / 2);
  const double centred = std::floor((n.left + n.right - w) / 2);
  const auto box = [&](double x, double y) { return Box{x, y, x + w, y + h}; };
  return {box(right, beside), box(left, beside), box(centred, above), box(centred, below),
          box(right, above),  box(right, below), box(left, above),    box(left, below)};
}

}  // namespace

double Box::overlap(const Box& o) const {
  const double w = std::min(right, o.right) - std::max(left, o.left);
  const double h = std::min(bottom, o.bottom) - std::max(top, o.top);
  return w > 0 && h > 0 ? w * h : 0;
}

std::vector<std::optional<Box>> place_labels(const std::vector<Label>& labels, LabelSpace space) {
  std::vector<std::optional<Box>> out;
  for (const auto& label : labels) {
    const double area = label.width * label.height;
    std::optional<Box> best;
    double least = INFINITY;
    for (int step = 0; step < label.reach; ++step) {
      const auto places =
          around(label.named, label.width, label.height, space.gap, step * space.step);
      for (std::size_t i = 0; i < places.size(); ++i) {
        const Box& place = places[i];
        const auto meets = [&](const Box& b) { return place.overlap(b) > 0; };
        if (!space.frame.holds(place) || std::any_of(space.marks.begin(), space.marks.end(), meets))
          continue;
        double cost = 0.3 * step + 0.02 * double(i);
        for (const Box& line : space.lines) cost += 6 * place.overlap(line) / area;
        if (cost < least) {
          least = cost;
          best = place;
        }
      }
    }
    if (best)  // words side by side need a blank between them
      space.marks.push_back(
          {best->left - space.gap, best->top, best->right + space.gap, best->bottom});
    out.push_back(best);
  }
  return out;
}

}  // namespace limen::report
