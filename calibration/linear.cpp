// The linear layers, one law a weight format, and attention: from products with weights (keys and
// values) cold in memory and in the cache.
#include "calibration/linear.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "calibration/laws.hpp"

namespace limen::calibration {

namespace {

struct Data {
  Cases cases;
  std::vector<Product> products;
};

// Products of a format with as many threads as the machine has been given.
Data data_of(const Observations& observed, const std::string& format) {
  const auto holds = [&](const Observation& o) {
    return o.is("format", format) && o.number("rows") > 0;
  };
  Cases cases = observed.where("gemv", holds);
  const Cases more = observed.where("gemm", holds);
  cases.insert(cases.end(), more.begin(), more.end());
  const double threads = largest(cases, "threads");
  std::erase_if(cases, [&](const Observation* o) { return o->number("threads") < threads; });
  Data data{cases, {}};
  std::map<std::pair<double, double>, int> shapes;
  for (const Observation* o : cases) {
    const double rows = o->number("rows"), cols = o->number("cols");
    const int shape =
        shapes.try_emplace({rows, cols}, static_cast<int>(shapes.size())).first->second;
    data.products.push_back({rows * cols, std::max(1.0, o->number("tokens")), o->bytes(),
                             o->seconds, !o->is("residence", "cached"), shape});
  }
  return data;
}

std::vector<double> errors_of(const LinearFit& fit, const std::vector<Product>& products,
                              const Ceilings& ceilings) {
  std::vector<double> errors;
  for (const Product& p : products) errors.push_back(predict(fit, p, ceilings) / p.seconds - 1);
  return errors;
}

// Folds are by matrix; where one matrix alone was multiplied with some number of tokens, each such
// number is a fold, lest leaving the matrix out would leave nothing that tells the rate.
std::vector<int> folds_of(const std::vector<Product>& products) {
  std::map<std::pair<int, double>, int> folds;
  std::vector<int> fold_of;
  for (const Product& p : products) {
    const bool alone = std::none_of(products.begin(), products.end(), [&](const Product& x) {
      return x.shape != p.shape && x.tokens == p.tokens;
    });
    fold_of.push_back(
        folds.try_emplace({p.shape, alone ? p.tokens : 0}, static_cast<int>(folds.size()))
            .first->second);
  }
  return fold_of;
}

std::optional<double> held_out(const LinearFit& fit, const std::vector<Product>& products,
                               const Ceilings& ceilings) {
  return held_out_error(folds_of(products), [&](const std::vector<bool>& keep) {
    std::vector<Product> kept;
    for (std::size_t i = 0; i < products.size(); ++i)
      if (keep[i]) kept.push_back(products[i]);
    return errors_of(refit_linear_law(kept, ceilings, fit), products, ceilings);
  });
}

// Products from the cache help to tell the unpacking and the rate, but the law is for cold weights:
// where its overlap of memory and arithmetic is not what the machine does, both kinds do not fit
// one law, and those from the cache go.
LinearFit choose_fit(Draft& draft, const std::string& prefix, Data& data,
                     const Ceilings& ceilings) {
  constexpr double worse = 1.25, noise = 0.01;
  const LinearFit all = fit_linear_law(data.products, ceilings);
  Data cold;
  for (std::size_t i = 0; i < data.products.size(); ++i) {
    if (!data.products[i].cold) continue;
    cold.cases.push_back(data.cases[i]);
    cold.products.push_back(data.products[i]);
  }
  if (cold.products.size() == data.products.size()) return all;
  const LinearFit alone = fit_linear_law(cold.products, ceilings);
  const double with = rms(errors_of(all, cold.products, ceilings)),
               without = rms(errors_of(alone, cold.products, ceilings));
  if (with <= worse * without + noise) return all;
  draft.notes.push_back(fmt::format(
      "{}: products from the cache do not follow the law of the cold ones and are left out "
      "(with them it misses the cold ones by {:.1f} %, without by {:.1f} %)",
      prefix, 100 * with, 100 * without));
  data = std::move(cold);
  return alone;
}

// The wider of what visits say (bootstrap) and what the misfit of the law says (covariance).
results::Interval interval_of(const LinearFit& fit, std::size_t term,
                              const results::Interval& visits) {
  const double value = *fit.value[term], factor = std::exp(z90 * fit.log_error[term]);
  return {std::fmin(visits.low, value / factor), std::fmax(visits.high, value * factor)};
}

// Physics: a value above its ceiling is brought down to it, and said so.
void close_gate(Draft& draft, const std::string& key, double ceiling, const char* ceiling_name,
                double& value, results::Interval& interval) {
  if (interval.high <= ceiling) return;
  draft.notes.push_back(value > ceiling ? fmt::format("{} was fitted at {:.3g} of {}: set to it",
                                                      key, value / ceiling, ceiling_name)
                                        : fmt::format("{}: its interval reaches {:.3g} of {}", key,
                                                      interval.high / ceiling, ceiling_name));
  value = std::min(value, ceiling);
  interval = {std::min(interval.low, ceiling), ceiling};
}

// The law of these products, whose keys begin with `prefix`. `what` names what was to be measured.
// Returns how many points there are beyond those that its parameters take up.
std::size_t fit_law(Draft& draft, const std::string& prefix, const std::string& what, Data data,
                    const std::optional<model::Parameter<model::FlopsPerSecond>>& peak,
                    model::LinearLaw& law) {
  const auto cold = std::count_if(data.products.begin(), data.products.end(),
                                  [](const Product& p) { return p.cold; });
  auto& missing = draft.machine.unidentified;
  if (cold == 0 || !draft.machine.memory_bandwidth) {
    missing.push_back(prefix + (cold == 0
                                    ? fmt::format(": no {} was measured", what)
                                    : ": efficiency needs memory.bandwidth, which is not known"));
    return 0;
  }
  Ceilings ceilings{draft.machine.memory_bandwidth->value.in(model::bytes_per_second),
                    peak ? peak->value.in(model::flops_per_second) : 0};
  for (const Product& p : data.products) {
    if (!p.cold && p.tokens == 1)
      ceilings.arithmetic = std::min(ceilings.arithmetic, p.seconds / p.weights);
  }
  LinearFit fit = choose_fit(draft, prefix, data, ceilings);
  const Estimate estimate = [&](const std::vector<double>& seconds) {
    std::vector<Product> products = data.products;
    for (std::size_t i = 0; i < products.size(); ++i) products[i].seconds = seconds[i];
    const LinearFit again = refit_linear_law(products, ceilings, fit);
    std::vector<double> values;
    for (const auto& v : again.value) values.push_back(v.value_or(std::nan("")));
    return values;
  };
  const std::vector<results::Interval> visits = bootstrap(data.cases, estimate);

  if (fit.above > 0)
    draft.notes.push_back(
        fmt::format("{}.efficiency was fitted at {:.3g} times the measured bandwidth: set to it",
                    prefix, fit.above));
  const char* names[] = {"efficiency", "fixed", "unpack", "rate", "overlap"};
  for (std::size_t t = 0; t < fit.value.size(); ++t) {
    const std::string key = prefix + "." + names[t];
    if (!fit.value[t]) {
      missing.push_back(key + ": " + fit.dropped[t]);
      continue;
    }
    results::Interval interval = interval_of(fit, t, visits[t]);
    double& value = *fit.value[t];
    if (t == 0) close_gate(draft, key, 1, "the measured bandwidth", value, interval);
    if (t == 3 && peak) close_gate(draft, key, ceilings.peak, "the measured peak", value, interval);
    if (t == 4) interval.low = std::max(1.0, interval.low);
    const model::Evidence fitted = model::Evidence::fitted;
    if (t == 0) law.efficiency = parameter(draft, pure, value, interval, fitted);
    if (t == 1) law.fixed = parameter(draft, model::seconds, value, interval, fitted);
    if (t == 2) law.unpack = parameter(draft, model::seconds, value, interval, fitted);
    if (t == 3) law.rate = parameter(draft, model::flops_per_second, value, interval, fitted);
    if (t == 4) law.overlap = parameter(draft, pure, value, interval, fitted);
  }
  const std::vector<double> errors = errors_of(fit, data.products, ceilings);
  const std::optional<double> left_out = held_out(fit, data.products, ceilings);
  law.scatter = left_out.value_or(rms(errors));
  if (!left_out)
    missing.push_back(prefix +
                      ".scatter: one shape only, so the error on other shapes is not known");
  report_law(draft, prefix, errors, left_out);
  const auto taken = static_cast<std::size_t>(std::count_if(
      fit.value.begin(), fit.value.end(), [](const auto& v) { return v.has_value(); }));
  return errors.size() - std::min(errors.size(), taken);
}

// A scatter of few points is itself uncertain: five parameters go through seven points nearly
// whatever they are. Formats share kernels and machine, so each law's variance is pulled towards
// the usual one, which counts as `prior` points of its own (after Smyth 2004, moderated variances;
// the median, because one law that does not fit says nothing of the others).
void moderate(const std::vector<std::pair<model::LinearLaw*, std::size_t>>& laws) {
  constexpr double prior = 4;
  std::vector<double> scatters;
  for (const auto& [law, spare] : laws) {
    if (spare > 0) scatters.push_back(law->scatter);
  }
  if (scatters.empty()) return;
  const double usual = results::median_of(scatters);
  for (const auto& [law, spare] : laws) {
    if (!law->efficiency) continue;
    const auto own = static_cast<double>(spare);
    law->scatter =
        std::sqrt((own * law->scatter * law->scatter + prior * usual * usual) / (own + prior));
  }
}

// Attention over the cache, as model::Machine::attention has it.
Data attention_data(const Observations& observed) {
  Cases cases = observed.of("attention");
  const double threads = largest(cases, "threads");
  std::erase_if(cases, [&](const Observation* o) { return o->number("threads") < threads; });
  Data data{cases, {}};
  std::map<std::pair<double, double>, int> shapes;
  for (const Observation* o : cases) {
    const double group = o->number("group"), head_dim = o->number("head_dim");
    const int shape =
        shapes.try_emplace({group, head_dim}, static_cast<int>(shapes.size())).first->second;
    const double scores = o->number("batch") * o->number("kv_heads") * group * o->number("context");
    const double width = 2 * head_dim + o->number("rope");  // of a key and a value
    data.products.push_back(
        {scores, width, o->bytes(), o->seconds, !o->is("residence", "cached"), shape});
  }
  return data;
}

}  // namespace

void fit_linear(const Observations& observed, Draft& draft) {
  std::vector<std::pair<model::LinearLaw*, std::size_t>> laws;
  for (model::Format format : model::formats) {
    if (format == model::Format::fp4) continue;  // no kernels
    // Only GPUs multiply it.
    const auto measured = [](const Observation& o) { return o.is("format", "fp8"); };
    if (format == model::Format::fp8 && observed.where("gemv", measured).empty()) continue;
    model::LinearLaw& law = draft.machine.law(format);
    const std::size_t spare =
        fit_law(draft, std::string("linear.") + model::name(format),
                "gemv or gemm with residence=cold", data_of(observed, model::name(format)),
                draft.machine.compute[static_cast<int>(format)], law);
    laws.emplace_back(&law, spare);
  }
  moderate(laws);
  fit_law(draft, "attention", "attention with residence=cold", attention_data(observed),
          draft.machine.compute[static_cast<int>(model::Format::bf16)], draft.machine.attention);
}

}  // namespace limen::calibration
