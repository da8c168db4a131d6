#include "calibration/network.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <string>

#include <fmt/format.h>

#include "calibration/segments.hpp"
#include "model/cards/units.hpp"

namespace limen::calibration {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();
// How far a step of a collective may be from a hop, in logarithms. It may well take longer: it
// adds, sends both ways at once, and shares links. It is hardly faster, since it sends what a hop
// sends; but bytes in several messages may overlap where those of one do not.
struct Slack {
  double below, above;
  double weight(double off) const { return 1 / (off < 0 ? below * below : above * above); }
};
constexpr Slack slack_a{0.15, 0.3}, slack_b{0.3, 0.5};
constexpr double least_noise = 0.02;  // relative error that is not worth a cut
constexpr double plausible = 0.05;    // weight from which an algorithm is an alternative
constexpr std::size_t most_pieces = 3;

using Points = std::vector<NetworkPoint>;

// What a hop is expected to cost for messages in a range: nothing where the data do not say.
struct Expectation {
  double a = 0, b = 0;
};

Expectation expected_hop(const Points& hops, double least, double most) {
  std::vector<double> x, t;
  for (const NetworkPoint& h : hops) {
    if (h.bytes * 2 < least || h.bytes > 2 * most) continue;
    x.push_back(h.bytes);
    t.push_back(h.seconds);
  }
  if (x.size() < 2) return {};
  const Line line = fit_line(x, t, {0, x.size() - 1});
  return {line.intercept, line.slope};
}

double predicted(const Algorithm& algorithm, double a, double b, double p, double n) {
  return algorithm.steps(p) * a + algorithm.crossings(p) * n * b;
}

// Gauss-Newton on ln a and ln b: two unknowns, residuals ln(law / time), and the expectation as two
// more residuals.
NetworkFit fit_algorithm(const Algorithm& algorithm, const Points& points, const Points& hops,
                         double noise) {
  double least = never, most = 0;  // of the message of a step
  for (const NetworkPoint& q : points) {
    const double message = q.bytes * algorithm.crossings(q.ranks) / algorithm.steps(q.ranks);
    least = std::min(least, message);
    most = std::max(most, message);
  }
  const Expectation hop = expected_hop(hops, least, most);
  // From the smallest and the largest point on.
  const auto [small, large] = std::minmax_element(
      points.begin(), points.end(),
      [](const NetworkPoint& x, const NetworkPoint& y) { return x.bytes < y.bytes; });
  double u = std::log(hop.a > 0 ? hop.a : 0.9 * small->seconds / algorithm.steps(small->ranks));
  double v = std::log(hop.b > 0 ? hop.b
                                : 0.5 * large->seconds /
                                      (algorithm.crossings(large->ranks) * large->bytes));
  const double w = 1 / (noise * noise);  // of a point
  const double u0 = u, v0 = v;
  const auto weight_a = [&](double x) { return hop.a > 0 ? slack_a.weight(x - u0) : 0; };
  const auto weight_b = [&](double y) { return hop.b > 0 ? slack_b.weight(y - v0) : 0; };
  const auto cost = [&](double x, double y) {
    double sum = 0;
    for (const NetworkPoint& q : points) {
      const double t = predicted(algorithm, std::exp(x), std::exp(y), q.ranks, q.bytes);
      sum += std::pow(std::log(t / q.seconds), 2);
    }
    return sum * w + weight_a(x) * (x - u0) * (x - u0) + weight_b(y) * (y - v0) * (y - v0);
  };
  double now = cost(u, v), damping = 1e-3;
  for (int step = 0; step < 60; ++step) {
    const double wa = weight_a(u), wb = weight_b(v);
    double uu = wa, uv = 0, vv = wb, ur = wa * (u - u0), vr = wb * (v - v0);
    for (const NetworkPoint& q : points) {
      const double pa = algorithm.steps(q.ranks) * std::exp(u),
                   pb = algorithm.crossings(q.ranks) * q.bytes * std::exp(v), t = pa + pb;
      const double r = w * std::log(t / q.seconds), du = pa / t, dv = pb / t;
      uu += w * du * du, uv += w * du * dv, vv += w * dv * dv, ur += du * r, vr += dv * r;
    }
    const double duu = uu * (1 + damping) + 1e-9, dvv = vv * (1 + damping) + 1e-9;
    const double determinant = duu * dvv - uv * uv;
    const double du = std::clamp(-(ur * dvv - vr * uv) / determinant, -2.0, 2.0),
                 dv = std::clamp(-(vr * duu - ur * uv) / determinant, -2.0, 2.0);
    const double next = cost(u + du, v + dv);
    if (next <= now) {
      u += du, v += dv;
      const bool settled = now - next < 1e-10 * (1 + now);
      now = next;
      damping = std::max(damping / 5, 1e-9);
      if (settled) break;
    } else if ((damping *= 10) > 1e12) {
      break;
    }
  }
  return {algorithm, std::exp(u), std::exp(v), now, 0, {}};
}

// Ascending, each once.
std::vector<double> distinct(const Points& points, double NetworkPoint::*of) {
  std::set<double> values;
  for (const NetworkPoint& q : points) values.insert(q.*of);
  return {values.begin(), values.end()};
}

template <class Keep>
Points filtered(const Points& points, const Keep& keep) {
  Points kept;
  std::copy_if(points.begin(), points.end(), std::back_inserter(kept), keep);
  return kept;
}

// The pieces that cost least, each with the best of its algorithms.
std::vector<Segment> cut(const Points& points, const std::vector<double>& sizes,
                         const std::vector<Algorithm>& candidates, const Points& hops,
                         double noise) {
  const std::size_t m = sizes.size();
  const double piece_price = 3 * std::log(static_cast<double>(points.size()));  // a, b, the cut
  std::vector<std::vector<double>> price(m, std::vector<double>(m, never));
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = i; j < m; ++j) {
      const Points inside = filtered(points, [&](const NetworkPoint& q) {
        return q.bytes >= sizes[i] && q.bytes <= sizes[j];
      });
      if (j - i + 1 < 2) continue;
      for (const Algorithm& algorithm : candidates)
        price[i][j] = std::min(price[i][j], fit_algorithm(algorithm, inside, hops, noise).cost);
    }
  }
  // best[k][j]: the first j sizes in k pieces.
  std::vector<std::vector<double>> best(most_pieces + 1, std::vector<double>(m + 1, never));
  std::vector<std::vector<std::size_t>> start(most_pieces + 1, std::vector<std::size_t>(m + 1, 0));
  best[0][0] = 0;
  for (std::size_t k = 1; k <= most_pieces; ++k)
    for (std::size_t j = 1; j <= m; ++j)
      for (std::size_t i = 0; i < j; ++i)
        if (const double total = best[k - 1][i] + price[i][j - 1] + piece_price;
            total < best[k][j]) {
          best[k][j] = total;
          start[k][j] = i;
        }
  std::size_t chosen = 1;
  for (std::size_t k = 2; k <= most_pieces; ++k)
    if (best[k][m] < best[chosen][m]) chosen = k;
  std::vector<Segment> found(chosen);
  for (std::size_t k = chosen, end = m; k > 0; --k) {
    found[k - 1] = {start[k][end], end - 1};
    end = start[k][end];
  }
  return found;
}

// 95th percentile of Student's t.
double student(int freedom) {
  constexpr std::array<double, 8> table{6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860};
  return freedom < 1    ? 2 * table[0]
         : freedom <= 8 ? table[static_cast<std::size_t>(freedom - 1)]
                        : 1.645 + 1.7 / freedom;
}

}  // namespace

NetworkLaw NetworkLaw::fit_pieces(model::Exchange kind, const Points& points, const Points& hops) {
  NetworkLaw law;
  law.points_ = points;
  const std::vector<double> sizes = distinct(points, &NetworkPoint::bytes),
                            counts = distinct(points, &NetworkPoint::ranks);
  const std::vector<Algorithm> candidates = algorithms(kind);
  law.most_ranks_ = counts.back();
  law.counts_ = static_cast<int>(counts.size());
  double noise = 0.05;
  std::vector<Segment> segments;
  for (int round = 0; round < 3; ++round) {  // the noise is what the best law leaves
    segments = cut(points, sizes, candidates, hops, noise);
    law.pieces_.clear();
    for (const Segment& s : segments) {
      NetworkPiece piece{sizes[s.first], sizes[s.last], {}};
      const Points inside = filtered(points, [&](const NetworkPoint& q) {
        return q.bytes >= piece.from && q.bytes <= piece.to;
      });
      for (const Algorithm& algorithm : candidates)
        piece.fits.push_back(fit_algorithm(algorithm, inside, hops, noise));
      std::stable_sort(piece.fits.begin(), piece.fits.end(),
                       [](const NetworkFit& x, const NetworkFit& y) { return x.cost < y.cost; });
      double all = 0;
      for (NetworkFit& f : piece.fits)
        all += f.weight = std::exp((piece.fits[0].cost - f.cost) / 2);
      for (NetworkFit& f : piece.fits) f.weight /= all;
      std::erase_if(piece.fits, [](const NetworkFit& f) { return f.weight < plausible; });
      for (NetworkFit& f : piece.fits) {
        for (double out : counts) {
          if (counts.size() < 3) break;
          const NetworkFit without = fit_algorithm(
              f.algorithm,
              filtered(inside, [out](const NetworkPoint& q) { return q.ranks != out; }), hops,
              noise);
          f.without.push_back({without.a, without.b});
        }
      }
      law.pieces_.push_back(std::move(piece));
    }
    double squares = 0;
    for (double e : law.errors()) squares += e * e;
    const double freedom = std::max(1.0, double(points.size()) - 3.0 * double(law.pieces_.size()));
    law.scatter_ = std::sqrt(squares / double(points.size()));
    noise = std::max(least_noise, std::sqrt(squares / freedom));
  }
  return law;
}

std::optional<NetworkLaw> NetworkLaw::fit(model::Exchange kind, Points points, const Points& hops) {
  std::erase_if(points, [](const NetworkPoint& q) {
    return !(q.ranks >= 2 && q.bytes > 0 && q.seconds > 0 && std::isfinite(q.seconds));
  });
  const std::vector<double> counts = distinct(points, &NetworkPoint::ranks);
  if (counts.size() < 2 || distinct(points, &NetworkPoint::bytes).size() < 2 ||
      algorithms(kind).empty())
    return std::nullopt;
  NetworkLaw law = fit_pieces(kind, points, hops);
  if (counts.size() < 3) return law;
  const double largest = counts.back();
  const auto is_largest = [largest](const NetworkPoint& q) { return q.ranks == largest; };
  const NetworkLaw smaller = fit_pieces(
      kind, filtered(points, [&](const NetworkPoint& q) { return !is_largest(q); }), hops);
  for (const NetworkPoint& q : filtered(points, is_largest))
    law.left_out_.push_back({q.ranks, q.bytes, q.seconds, smaller.at(q.ranks, q.bytes)});
  return law;
}

const NetworkPiece& NetworkLaw::piece_of(double bytes) const {
  for (const NetworkPiece& piece : pieces_)
    if (bytes <= piece.to) return piece;
  return pieces_.back();
}

NetworkEstimate NetworkLaw::estimate(const NetworkFit& fit, double p, double n) const {
  const double value = predicted(fit.algorithm, fit.a, fit.b, p, n);
  double jackknife = 0;  // variance of ln(value) over the numbers of ranks
  if (!fit.without.empty()) {
    double mean = 0;
    std::vector<double> logs;
    for (const auto& w : fit.without) {
      logs.push_back(std::log(predicted(fit.algorithm, w.a, w.b, p, n)));
      mean += logs.back() / double(fit.without.size());
    }
    for (double l : logs) jackknife += (l - mean) * (l - mean);
    jackknife *= (double(logs.size()) - 1) / double(logs.size());
  }
  const double beyond = std::max(0.0, std::log2(p / most_ranks_));
  // What a doubling adds: the error of the one that was left out, without the scatter of a point.
  const double own = std::max(scatter_, least_noise) * std::max(scatter_, least_noise);
  const double step = std::max(left_out_error() * left_out_error() - own, own / 4);
  const double reach = student(counts_ - 2) * std::sqrt(jackknife + own + beyond * step);
  return {value, value * std::exp(-reach), value * std::exp(reach)};
}

NetworkEstimate NetworkLaw::at(double ranks, double bytes) const {
  const NetworkPiece& piece = piece_of(bytes);
  NetworkEstimate result = estimate(piece.fits[0], ranks, bytes);
  for (const NetworkFit& fit : piece.fits) {
    const NetworkEstimate e = estimate(fit, ranks, bytes);
    result.low = std::min(result.low, e.low);
    result.high = std::max(result.high, e.high);
  }
  return result;
}

double NetworkLaw::left_out_error() const {
  double squares = 0;
  for (const LeftOut& l : left_out_)
    squares += std::pow(std::log(l.predicted.seconds / l.measured), 2);
  return left_out_.empty() ? 0 : std::sqrt(squares / double(left_out_.size()));
}

std::vector<double> NetworkLaw::errors() const {
  std::vector<double> errors;
  for (const NetworkPoint& q : points_) {
    const NetworkFit& f = piece_of(q.bytes).fits[0];
    errors.push_back(predicted(f.algorithm, f.a, f.b, q.ranks, q.bytes) / q.seconds - 1);
  }
  return errors;
}

std::string NetworkLaw::in_words() const {
  std::string words;
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    if (i > 0) words += ", then ";
    for (const NetworkFit& f : pieces_[i].fits)
      words += fmt::format("{}{}", &f == &pieces_[i].fits[0] ? "" : " or ", f.algorithm.name);
    const NetworkFit& best = pieces_[i].fits[0];
    words += fmt::format(" ({} a step, {})", cards::to_text(model::seconds(best.a), 4),
                         cards::to_text(model::seconds_per_byte(best.b), 4));
    if (i + 1 < pieces_.size()) words += fmt::format(" up to {:.0f} bytes", pieces_[i].to);
  }
  return words;
}

}  // namespace limen::calibration
