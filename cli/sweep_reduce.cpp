#include "cli/sweep_reduce.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace limen::cli {
namespace {

bool better(const Found& a, const Found& b) {
  return a.value > b.value || (a.value == b.value && a.index < b.index);
}

void append(std::string& out, const void* from, std::size_t n) {
  out.append(static_cast<const char*>(from), n);
}

}  // namespace

void Sketch::add(double v, std::uint64_t index) {
  if (!std::isfinite(v)) return;
  if (count_ == 0 || v < least_.value || (v == least_.value && index < least_.index))
    least_ = {v, index};
  if (count_ == 0 || better({v, index}, most_)) most_ = {v, index};
  ++count_;
  // The exponent and the first 9 bits of the mantissa, as one number.
  static_assert(fine == 512);
  const auto bin = static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(v) >> 43) -
                   (std::int64_t{1023 + lowest} << 9);
  ++bins_[std::size_t(std::clamp<std::int64_t>(v > 0 ? bin : 0, 0, std::ssize(bins_) - 1))];
}

void Sketch::merge(const Sketch& o) {
  if (o.count_ == 0) return;
  if (count_ == 0 || o.least_.value < least_.value ||
      (o.least_.value == least_.value && o.least_.index < least_.index))
    least_ = o.least_;
  if (count_ == 0 || better(o.most_, most_)) most_ = o.most_;
  count_ += o.count_;
  for (std::size_t i = 0; i < bins_.size(); ++i) bins_[i] += o.bins_[i];
}

double Sketch::quantile(double share) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t below = 0;
  std::size_t bin = 0;
  while (bin + 1 < bins_.size() && (below += bins_[bin]) < std::max<std::uint64_t>(rank, 1)) ++bin;
  const auto edge = [](std::size_t b) {
    return std::bit_cast<double>((std::uint64_t(b) + (std::uint64_t{1023 + lowest} << 9)) << 43);
  };
  return std::clamp((edge(bin) + edge(bin + 1)) / 2, least_.value, most_.value);
}

std::vector<const Metric*> Reducer::summarized() {
  std::vector<const Metric*> out;
  for (const Metric& m : metrics) {
    if (m.needs_fit) out.push_back(&m);
  }
  return out;
}

Reducer::Reducer(std::size_t best, const Metric& by) : keep_(best), by_(&by) {
  if (keep_ == 0) sketches_.resize(summarized().size());
}

void Reducer::add(const model::Figures& f, std::size_t i, std::uint64_t index) {
  ++selected_;
  fitting_ += f.fits[i];
  ++bound_by_[std::size_t(f.binding[i])];
  if (keep_ == 0) {
    if (!f.fits[i]) return;
    static const auto which = summarized();
    for (std::size_t m = 0; m < which.size(); ++m)
      sketches_[m].add((f.*which[m]->values)[i], index);
    return;
  }
  const Found found{(f.*by_->values)[i], index};
  if (!std::isfinite(found.value) || (by_->needs_fit && !f.fits[i])) return;
  if (heap_.size() == keep_) {
    if (!better(found, heap_.front())) return;
    std::pop_heap(heap_.begin(), heap_.end(), better);
    heap_.pop_back();
  }
  heap_.push_back(found);
  std::push_heap(heap_.begin(), heap_.end(), better);
}

void Reducer::merge(const Reducer& o) {
  seen_ += o.seen_;
  selected_ += o.selected_;
  fitting_ += o.fitting_;
  for (std::size_t i = 0; i < bound_by_.size(); ++i) bound_by_[i] += o.bound_by_[i];
  for (std::size_t i = 0; i < sketches_.size(); ++i) sketches_[i].merge(o.sketches_[i]);
  heap_.insert(heap_.end(), o.heap_.begin(), o.heap_.end());
  std::sort(heap_.begin(), heap_.end(), better);
  if (heap_.size() > keep_) heap_.resize(keep_);
  std::make_heap(heap_.begin(), heap_.end(), better);
}

std::vector<Found> Reducer::best() const {
  auto out = heap_;
  std::sort(out.begin(), out.end(), better);
  return out;
}

std::string Reducer::packed() const {
  std::string out;
  for (std::uint64_t n : {seen_, selected_, fitting_, std::uint64_t(heap_.size())})
    append(out, &n, sizeof n);
  append(out, &bound_by_, sizeof bound_by_);
  append(out, heap_.data(), heap_.size() * sizeof(Found));
  static_assert(std::is_trivially_copyable_v<Sketch>);
  append(out, sketches_.data(), sketches_.size() * sizeof(Sketch));
  return out;
}

Reducer Reducer::unpacked(const std::string& bytes, std::size_t best, const Metric& by) {
  Reducer r(best, by);
  const char* at = bytes.data();
  auto take = [&](void* to, std::size_t n) {
    std::memcpy(to, at, n);
    at += n;
  };
  std::uint64_t kept = 0;
  for (std::uint64_t* n : {&r.seen_, &r.selected_, &r.fitting_, &kept}) take(n, sizeof *n);
  take(&r.bound_by_, sizeof r.bound_by_);
  r.heap_.resize(kept);
  if (kept > 0) take(r.heap_.data(), kept * sizeof(Found));
  if (!r.sketches_.empty()) take(r.sketches_.data(), r.sketches_.size() * sizeof(Sketch));
  return r;
}

}  // namespace limen::cli
