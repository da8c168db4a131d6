#include "report/serving_table.hpp"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "calibration/published/table.hpp"
#include "model/cards/units.hpp"
#include "report/case_words.hpp"
#include "report/json_number.hpp"
#include "report/prediction_table.hpp"

namespace limen::report {
namespace {

using namespace model;
using nlohmann::ordered_json;

// Flat, so that JSON and CSV have the same names.
ordered_json row(const ServedCase& c, const ServingPoint& p) {
  const Request& r = c.question.request;
  ordered_json out{{"model", c.model},
                   {"machine", c.machine},
                   {"devices", c.devices},
                   {"input", r.input},
                   {"output", r.output},
                   {"chunk", r.chunk},
                   {"prompts", r.prompts},
                   {"weights", name(c.question.like.workload.weights)},
                   {"experts", name(c.question.like.workload.experts)},
                   {"head", name(c.question.like.workload.head)},
                   {"kv", name(c.question.like.workload.kv)},
                   {"draft", c.question.like.drafts.tokens},
                   {"acceptance", c.question.like.drafts.acceptance},
                   {"draft_model", c.drafted_by}};
  auto add_pool = [&](const std::string& prefix, const Pool* pool) {
    auto number = [&](int n) { return pool ? ordered_json(n) : ordered_json(nullptr); };
    const Pool some = pool ? *pool : Pool{};
    out[prefix + "instances"] = number(some.instances);
    out[prefix + "tp"] = number(some.partition.tp);
    out[prefix + "pp"] = number(some.partition.pp);
    out[prefix + "ep"] = number(some.partition.ep);
    out[prefix + "dp"] = number(some.partition.dp);
  };
  add_pool("", &p.pool);
  out["batch"] = static_cast<long long>(p.batch);
  add_pool("prefill_", p.prefill ? &*p.prefill : nullptr);
  auto interval = [&](const std::string& key, double v, double low, double high, double ideal) {
    out[key] = v;
    out[key + "_low"] = low;
    out[key + "_high"] = high;
    out[key + "_ideal"] = ideal;
  };
  interval("ttft_seconds", p.now.ttft, p.low.ttft, p.high.ttft, p.ideal.ttft);
  interval("tpot_seconds", p.now.tpot, p.low.tpot, p.high.tpot, p.ideal.tpot);
  interval("utps", p.now.utps(), p.high.utps(), p.low.utps(), p.ideal.utps());
  interval("stps", p.now.stps, p.low.stps, p.high.stps, p.ideal.stps);
  out["stps_per_device"] = p.now.stps / c.devices;
  out["requests_per_second"] = p.now.stps / double(r.output);
  out["prefill_share"] = p.now.prefill_share;
  out["longest_gap_seconds"] = p.now.longest_gap;
  out["transfer_seconds"] = p.now.transfer;
  out["interval"] = 0.9;
  out["calibrated"] = p.calibrated;
  out["binding_limit"] = name(p.limits.binding);
  out["next_limit"] = name(p.limits.next);
  out["next_factor"] = number(p.limits.factor);
  out["extrapolated"] = p.extrapolated;
  return out;
}

template <class F>
void for_each_row(const std::vector<ServedCase>& cases, F&& f) {
  for (const auto& c : cases) {
    for (const auto& p : c.points) f(row(c, p));
  }
}

// As that of a prediction: "weights fp8, head bf16, KV fp8, 2 drafted by ...".
std::string formats_and_drafts(const ServedCase& c) {
  const Case& like = c.question.like;
  PredictedCase p{c.model, c.machine, like.workload, {}, {}};
  p.drafts = like.drafts;
  p.drafted_by = c.drafted_by;
  std::string out = words_of(p, Fact::weights) + ", " + words_of(p, Fact::kv);
  if (p.drafts.tokens > 0)
    out += fmt::format(", {}: {} tokens a step", words_of(p, Fact::drafts),
                       figure(p.drafts.tokens_per_step()));
  return out;
}

}  // namespace

std::string words(const Pool& pool) {
  const Partition& p = pool.partition;
  std::string out = fmt::format("{} x tp {}", pool.instances, p.tp);
  if (p.pp > 1) out += fmt::format(" pp {}", p.pp);
  if (p.dp > 1) out += fmt::format(" dp {}", p.dp);
  if (p.ep > 1) out += fmt::format(" ep {}", p.ep);
  return out;
}

std::string to_table(const std::vector<ServedCase>& cases) {
  std::string out;
  for (const auto& c : cases) {
    const ServingQuestion& q = c.question;
    out += fmt::format(
        "{}{} on {}{}, {} tokens in, {} out, {}; {}\n", out.empty() ? "" : "\n", c.model, c.machine,
        c.prefill_machine.empty() ? "" : fmt::format(", prefill on {}", c.prefill_machine),
        q.request.input, q.request.output, formats_and_drafts(c),
        q.disaggregate ? "prefill and decode on pools of their own"
                       : "prefill and decode take turns");
    std::size_t width = 9, prefill_width = q.disaggregate ? 7 : 0;
    for (const auto& p : c.points) {
      width = std::max(width, words(p.pool).size());
      if (p.prefill) prefill_width = std::max(prefill_width, words(*p.prefill).size());
    }
    const char* line =
        "{:<{}}  {:<{}}{}{:>6} {:>9} {:>9} {:>9} {:>17} {:>9} {:>19} {:>9} {:>8}  {}\n";
    const char* gap = q.disaggregate ? "  " : "";
    auto add = [&](auto&&... cells) { out += fmt::format(fmt::runtime(line), cells...); };
    add(q.disaggregate ? "decode" : "instances", width, q.disaggregate ? "prefill" : "",
        prefill_width, gap, "batch", "first", "next", "tokens/s", "[90 %]", "system", "[90 %]", "a",
        "prefill", "limit of decode");
    add("", width, "", prefill_width, gap, "", "token", "tokens", "a user", "", "tokens/s", "",
        "device", q.disaggregate ? "busy" : "share", "(next, when it is better by)");
    for (const auto& p : c.points) {
      auto interval = [&](double low, double high) {
        return p.calibrated ? fmt::format("[{}, {}]", figure(low), figure(high)) : "not calibrated";
      };
      auto time = [](double s) { return cards::to_text(seconds(s), 3); };
      add(words(p.pool), width, p.prefill ? words(*p.prefill) : "", prefill_width, gap,
          fmt::format("{:.0f}", p.batch), time(p.now.ttft), time(p.now.tpot), figure(p.now.utps()),
          interval(p.high.utps(), p.low.utps()), figure(p.now.stps),
          interval(p.low.stps, p.high.stps), figure(p.now.stps / c.devices),
          fmt::format("{:.0f} %", 100 * p.now.prefill_share),
          (std::isfinite(p.limits.factor)
               ? fmt::format("{} ({} at {}x)", words(p.limits.binding), words(p.limits.next),
                             figure(p.limits.factor))
               : words(p.limits.binding)) +
              (p.extrapolated ? " extrapolated to these ranks" : ""));
    }
  }
  return out;
}

std::string to_json(const std::vector<ServedCase>& cases) {
  auto out = ordered_json::array();
  for_each_row(cases, [&](ordered_json r) { out.push_back(std::move(r)); });
  return out.dump(2) + "\n";
}

std::string to_csv(const std::vector<ServedCase>& cases) {
  std::string out;
  auto add = [&](const ordered_json& r, auto&& cell) {
    std::string line;
    for (const auto& [key, value] : r.items())
      line += fmt::format("{}{}", line.empty() ? "" : ",", cell(key, value));
    out += line + "\n";
  };
  for_each_row(cases, [&](const ordered_json& r) {
    if (out.empty()) add(r, [](const std::string& key, const ordered_json&) { return key; });
    add(r, [](const std::string&, const ordered_json& v) {
      return v.is_null()     ? std::string()
             : v.is_string() ? calibration::quoted_cell(v.get<std::string>())
                             : v.dump();
    });
  });
  return out;
}

}  // namespace limen::report
