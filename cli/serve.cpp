// limen serve: what users see and a machine delivers for prompts and answers of given lengths, on
// the frontier between the two.
#include <memory>

#include <fmt/format.h>

#include "cli/cases.hpp"
#include "cli/commands.hpp"
#include "cli/duration.hpp"
#include "cli/text_table.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/suggest.hpp"
#include "model/cards/units.hpp"
#include "report/prediction_table.hpp"
#include "report/serving_table.hpp"

namespace limen::cli {
namespace {

using namespace model;

struct Options : CaseOptions {
  std::string input, output, chunk, ttft, tpot, disaggregate, prefill_machine;
  std::string prompts = "1";
  bool csv = false;
};

long long tokens(const std::string& text, const char* option, long long least, long long most) {
  const long long n = cards::parse_count(text, option);
  if (n < least || n > most)
    throw Error(fmt::format("{}: {} is not from {} to {}", option, text, least, most));
  return n;
}

Request request(const Options& o) {
  constexpr long long most = 1LL << 30;
  Request r;
  r.input = tokens(o.input, "--input", 1, most);
  r.output = cards::parse_count(o.output, "--output");
  if (r.output < 2)
    throw Error("--output: the first token comes with the prompt; ask for 2 or more");
  tokens(o.output, "--output", 2, most);
  if (!o.chunk.empty()) r.chunk = tokens(o.chunk, "--chunk", 1, most);
  r.prompts = static_cast<int>(tokens(o.prompts, "--prompts", 1, 1 << 20));
  return r;
}

// "auto" or devices that prefill : devices that decode.
void parse_pools(const Options& o, ServingQuestion& q) {
  q.disaggregate = !o.disaggregate.empty() || !o.prefill_machine.empty();
  if (o.disaggregate.empty() || o.disaggregate == "auto") return;
  const auto colon = o.disaggregate.find(':');
  if (colon == std::string::npos) {
    throw Error(
        fmt::format("--disaggregate: '{}' is neither auto nor PREFILL:DECODE devices, such as 2:6",
                    o.disaggregate));
  }
  constexpr long long most = 1'000'000;
  q.prefill_devices =
      static_cast<int>(tokens(o.disaggregate.substr(0, colon), "--disaggregate", 1, most));
  q.decode_devices =
      static_cast<int>(tokens(o.disaggregate.substr(colon + 1), "--disaggregate", 1, most));
}

void check_pools(const ServingQuestion& q, const Machine& m) {
  const Machine& p = q.prefill ? *q.prefill : m;
  const int shared = q.prefill ? 0 : q.decode_devices;
  if (q.prefill_devices + shared > p.devices || q.decode_devices > m.devices) {
    throw Error(fmt::format("--disaggregate {}:{}: {} has {} devices{}", q.prefill_devices,
                            q.decode_devices, p.name, p.devices,
                            q.prefill ? fmt::format(", {} {}", m.name, m.devices) : ""));
  }
}

std::string nothing_found(const Machine& m, const ServingQuestion& q, const ServingSearch& search) {
  const ServingPoint& p = search.result().closest;
  std::string why;
  if (p.batch > 0) {
    why = fmt::format("closest is {}, batch {:.0f}, with {} to the first token and {} a token",
                      report::words(p.pool), p.batch, time_text(p.now.ttft), time_text(p.now.tpot));
  } else if (!search.can_prefill()) {
    why = "no partition holds the model and its prompts on " + (q.prefill ? *q.prefill : m).name;
  } else {
    Case c = q.like;
    c.partition = p.pool.partition;
    c.workload.batch =
        q.space.batch > 0 ? q.space.batch : double(c.partition.dp) * q.request.prompts;
    c.workload.context = double(q.request.input + q.request.output - 1);
    std::string alone = predict(m, c).why_not;
    const double together = double(c.partition.dp) * q.request.prompts,
                 sequences = in_flight(*c.transformer, p.pool, c.workload.batch);
    if (!q.disaggregate && sequences < together)
      alone = fmt::format("{:.0f} prompts cannot be prefilled together, with {:.0f} in flight",
                          together, sequences);
    why = fmt::format("closest is {}, batch {:.0f}: {}", report::words({c.partition, 1}),
                      c.workload.batch, alone.empty() ? "no room for both pools" : alone);
  }
  return fmt::format("{} on {}, {} tokens in, {} out: nothing is feasible; {}",
                     q.like.transformer->name, m.name, q.request.input, q.request.output, why);
}

}  // namespace

void add_serve(CLI::App& app, Exit&) {
  auto o = std::make_shared<Options>();
  o->batches = o->tps = o->pps = o->eps = o->dps = {"auto"};
  auto* sub = app.add_subcommand(
      "serve", "Predict serving: time to first token, tokens/s of a user and of the machine");
  add_setting_options(*sub, *o);
  sub->add_option("--input", o->input, "Tokens of a prompt; k = 1024")->required();
  sub->add_option("--output", o->output, "Tokens of an answer, at least 2")->required();
  sub->add_option("--chunk", o->chunk, "Prefill in chunks of so many tokens (default: at once)");
  sub->add_option("--prompts", o->prompts, "Prefilled together, by each attention replica")
      ->capture_default_str();
  sub->add_option("--ttft", o->ttft, "At most so long to the first token, such as 1s");
  sub->add_option("--tpot", o->tpot, "At most so long a token after it, such as 50ms");
  sub->add_option("--disaggregate", o->disaggregate,
                  "Prefill on a pool of its own: PREFILL:DECODE devices, or auto");
  sub->add_option("--prefill-machine", o->prefill_machine,
                  "The machine of that pool, where it is another; --set leaves it as it is");
  sub->add_flag("--all", o->all, "Every partition and batch, not the frontier alone");
  sub->add_flag("--csv", o->csv, "Comma-separated values on stdout")->excludes("--json");
  sub->callback([o] {
    ServingQuestion q;
    q.request = request(*o);
    if (!o->ttft.empty()) q.ttft = positive_seconds("--ttft", o->ttft);
    if (!o->tpot.empty()) q.tpot = positive_seconds("--tpot", o->tpot);
    parse_pools(*o, q);
    std::optional<Machine> prefill;
    if (!o->prefill_machine.empty()) {
      prefill = named_machine(o->prefill_machine, o->engine, "--prefill-machine");
      q.prefill = &*prefill;
    }
    std::vector<report::ServedCase> cases;
    std::string nothing;
    for_each_setting(*o, [&](const Machine& m, const Case& like) {
      check_pools(q, m);
      q.like = like;
      std::vector<ServingPoint> points;
      std::optional<ServingSearch> search;
      std::string why;
      for (const Space& space : spaces(*o)) {
        q.space = space;
        search.emplace(m, q);
        const auto& found = search->result().points;
        points.insert(points.end(), found.begin(), found.end());
        if (found.empty()) why = nothing_found(m, q, *search);
      }
      if (points.empty()) {
        if (!nothing.empty()) fmt::print(stderr, "limen: {}\n", nothing);
        nothing = why;
        return;
      }
      if (!o->all) points = frontier(std::move(points));
      for (auto& p : points) search->add_intervals(p);
      cases.push_back({like.transformer->name, m.name, prefill ? prefill->name : "",
                       report::drafted_by(like), search->devices(), q, std::move(points)});
    });
    if (cases.empty()) throw Error(nothing, Exit::failed);
    if (!nothing.empty()) fmt::print(stderr, "limen: {}\n", nothing);
    fmt::print("{}", o->json  ? report::to_json(cases)
                     : o->csv ? report::to_csv(cases)
                              : report::to_table(cases));
  });
}

}  // namespace limen::cli
