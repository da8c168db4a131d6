// limen reproduce: the published figures of arXiv 2507.14397, recomputed under its own conventions.
#include <cmath>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "model/cards/machine_card.hpp"
#include "model/cards/model_card.hpp"
#include "model/limits.hpp"
#include "report/prediction_table.hpp"

namespace limen::cli {
namespace {

using namespace model;

struct Row {
  std::string figure, published, ours, status;
  bool matches;
};

Case paper_case(const Transformer& t, double batch, double context, int tp) {
  return {&t, {batch, context, Format::fp8, Format::fp8}, {.tp = tp}, Conventions::paper()};
}

double utps(const Machine& m, const Transformer& t, double context, int tp, double batch = 1) {
  return predict(m, paper_case(t, batch, context, tp)).utps_ideal;
}

constexpr int degrees[] = {8, 16, 32, 64, 128};
constexpr double long_context = 131072;

// The best tokens/s per user over the paper's degrees of tensor parallelism, where the model fits.
double best(const Machine& m, const Transformer& t, double context) {
  double most = 0;
  for (int tp : degrees) {
    const auto p = predict(m, paper_case(t, 1, context, tp));
    if (p.fits) most = std::fmax(most, p.utps_ideal);
  }
  return most;
}

std::vector<Row> rows() {
  std::vector<Row> out;
  const auto llama = cards::find_model("llama-3.1-405b"),
             deepseek = cards::find_model("deepseek-v3");
  const auto hbm3 = cards::find_machine("xpu-hbm3");
  auto figure = [&](const std::string& what, const std::string& published, const std::string& ours,
                    const char* status) {
    out.push_back({what, published, ours, status, published == ours});
  };
  auto claim = [&](const std::string& what, const std::string& published, const std::string& ours,
                   bool holds) {
    out.push_back(
        {what, published, ours,
         holds ? "claim"
               : "claim; does not hold with limen's rule for experts, the paper's is not known",
         holds});
  };
  for (const auto& [tp, published] : {std::pair{8, "86"}, {32, "290"}, {128, "776"}}) {
    figure(
        fmt::format("Llama-3.1-405B on xPU-HBM3, batch 1, context 4K, TP{}: tokens/s per user", tp),
        published, fmt::format("{:.0f}", utps(hbm3, llama, 4096, tp)),
        "published; sync per layer reconstructed");
  }
  const double gemv = 16384.0 * 16384 * 2 / (3.35 * 1099511627776.0);
  figure("H100 GEMV 1x16384x16384 bf16 at 3.35 TB/s, ideal: us", "146",
         fmt::format("{:.0f}", gemv * 1e6), "published");
  const auto sync = [&](int tp) {
    const auto p = predict(hbm3, paper_case(llama, 1, 4096, tp));
    return p.ideal.sync.in(microseconds) / double(llama.layers());
  };
  figure("exposed synchronization per layer, TP32 and TP128: us", "4.5",
         fmt::format("{:.1f}", sync(128)), "derived; 3 x 1.5 us is a reconstruction");
  out.push_back({"exposed synchronization per layer, TP8: us", "0.16 to 0.85",
                 fmt::format("{:.2f}", sync(8)), "derived; 3 x 0.2 us is a reconstruction",
                 sync(8) >= 0.16 && sync(8) <= 0.85});

  const double a = best(hbm3, llama, long_context), b = best(hbm3, deepseek, long_context);
  claim("no HBM3 system reaches 1,000 tokens/s per user at large context (128K)",
        "Llama-3.1-405B, DeepSeek-V3: < 1000", fmt::format("{:.0f}, {:.0f}", a, b),
        a < 1000 && b < 1000);
  auto faster = [&](const Machine& m, double factor) {
    Machine f = m;
    auto& bandwidth = *f.memory_bandwidth;
    bandwidth.value = bandwidth.low = bandwidth.high = bandwidth.value * factor;
    return f;
  };
  const auto four = predict(faster(hbm3, 4), paper_case(llama, 1, 4096, 128));
  const double share = four.ideal.sync / four.ideal.total;
  claim("beyond about 4x HBM3 bandwidth synchronization is first-order (Llama-3.1-405B, TP128)",
        "first-order", fmt::format("{:.0f} % of the step", 100 * share), share > 0.25);
  double least = INFINITY, most = 0;
  for (const auto* name : {"llama-3.1-70b", "llama-3.1-405b"}) {
    const auto t = cards::find_model(name);
    for (double context : {4096.0, long_context}) {
      for (int tp : degrees) {
        const double gain = utps(faster(hbm3, 8), t, context, tp) / utps(hbm3, t, context, tp);
        least = std::fmin(least, gain);
        most = std::fmax(most, gain);
      }
    }
  }
  claim(
      "8x bandwidth buys only 1.1 to 4.5x tokens/s per user (ours: Llama 70B and 405B, 4K and "
      "128K, TP8 to 128)",
      "1.1 to 4.5", fmt::format("{:.1f} to {:.1f}", least, most), least >= 1.05 && most < 4.55);
  double utilization = 0;
  for (int tp : degrees) {
    const auto p = predict(hbm3, paper_case(llama, 1, 4096, tp));
    utilization = std::fmax(utilization, p.ideal.compute / p.ideal.total);
  }
  claim("compute utilization at low batch at most 1 % (Llama-3.1-405B, batch 1)", "<= 1 %",
        fmt::format("{:.2f} %", 100 * utilization), utilization <= 0.01);
  const Reach hbm4(cards::find_machine("xpu-hbm4"), paper_case(llama, 1, 4096, 128));
  auto rate = [&](Better x) { return hbm4.utps_ideal(x); };
  const double knee_sync = 1.5 / knee(&Better::sync, rate);
  claim("exposed synchronization must be around 1 us (knee on xPU-HBM4, Llama-3.1-405B, TP128)",
        "about 1 us", fmt::format("{:.2g} us", knee_sync), knee_sync > 0.1 && knee_sync < 3);
  const double weights = llama.nominal_parameters / 1e9;
  claim("one instance needs hundreds of GB (Llama-3.1-405B, DeepSeek-V3, 8-bit weights)",
        "hundreds of GB",
        fmt::format("{:.0f}, {:.0f} GB", weights, deepseek.nominal_parameters / 1e9),
        weights > 100);
  return out;
}

}  // namespace

void add_reproduce(CLI::App& app, Exit& code) {
  auto json = std::make_shared<bool>(false);
  auto* sub = app.add_subcommand(
      "reproduce", "Recompute the published figures of arXiv 2507.14397 under its conventions");
  sub->add_flag("--json", *json, "An array of objects on stdout");
  sub->callback([json, &code] {
    const auto all = rows();
    auto out = nlohmann::ordered_json::array();
    for (const auto& r : all) {
      if (!r.matches && r.status.rfind("claim", 0) != 0) code = Exit::failed;
      out.push_back({{"figure", r.figure},
                     {"published", r.published},
                     {"ours", r.ours},
                     {"status", r.status},
                     {"matches", r.matches}});
      if (!*json)
        fmt::print("{:<3} {}\n      published {:<36} ours {:<20} [{}]\n", r.matches ? "ok" : "NO",
                   r.figure, r.published, r.ours, r.status);
    }
    if (*json) fmt::print("{}\n", out.dump(2));
  });
}

}  // namespace limen::cli
