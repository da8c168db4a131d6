#include "model/cards/foreign_card.hpp"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/resolve.hpp"

namespace limen::cards {

using namespace model;
using nlohmann::ordered_json;

namespace {

// The value in a unit, or nothing.
template <class Q>
std::optional<double> in(const std::optional<Parameter<Q>>& p, Unit<typename Q::dimension> unit) {
  if (!p) return {};
  return p->value.in(unit);
}

std::optional<double> peak(const Machine& m, Format f, Unit<OperationRate> unit) {
  return in(m.compute[static_cast<int>(f)], unit);
}

std::string number(double v) {
  return v == std::floor(v) && std::fabs(v) < 1e18 ? fmt::format("{:.0f}", v)
                                                   : fmt::format("{}", v);
}

int devices_per_node(const Machine& m) {
  return m.devices_per_node > 0 ? std::min(m.devices_per_node, m.devices) : m.devices;
}

}  // namespace

ForeignCard to_aiconfigurator(const Machine& m) {
  ForeignCard out;
  out.text = fmt::format("# {}: written by limen\n", m.name);
  auto section = [&](const char* name) { out.text += fmt::format("{}:\n", name); };
  auto line = [&](const char* parent, const char* key, std::optional<double> v, const char* unit) {
    if (v)
      out.text += fmt::format("  {}: {}  # {}\n", key, number(*v), unit);
    else
      out.left_out.push_back(fmt::format("{}.{}", parent, key));
  };
  section("gpu");
  line("gpu", "mem_bw", in(m.memory_bandwidth, bytes_per_second), "B/s");
  line("gpu", "mem_bw_empirical_scaling_factor", in(m.memory_efficiency, Unit<Scalar>{1}), "1");
  line("gpu", "mem_empirical_constant_latency", in(m.law(Format::bf16).fixed, seconds), "s");
  line("gpu", "mem_capacity", in(m.memory_capacity, bytes), "B");
  line("gpu", "float32_tc_flops", peak(m, Format::fp32, flops_per_second), "FLOP/s");
  line("gpu", "float16_tc_flops", peak(m, Format::bf16, flops_per_second), "FLOP/s");
  line("gpu", "bfloat16_tc_flops", peak(m, Format::bf16, flops_per_second), "FLOP/s");
  line("gpu", "int8_tc_flops", peak(m, Format::int8, flops_per_second), "OP/s");
  line("gpu", "fp8_tc_flops", peak(m, Format::fp8, flops_per_second), "FLOP/s");
  line("gpu", "power", in(m.economics.tdp, watts), "W");
  out.text += "\n";
  section("node");
  line("node", "num_gpus_per_node", devices_per_node(m), "devices");
  line("node", "inter_node_bw", in(m.sync_net_bandwidth, bytes_per_second),
       "B/s, a device, one way");
  line("node", "intra_node_bw", in(m.sync_tp_bandwidth, bytes_per_second),
       "B/s, a device, one way");
  line("node", "pcie_bw", in(m.host_bandwidth, bytes_per_second), "B/s, one way");
  line("node", "p2p_latency", in(m.sync_pp, seconds), "s");
  for (const char* key :
       {"data_dir", "gpu.sm_version", "misc.nccl_mem", "misc.other_mem", "misc.nccl_version"})
    out.left_out.emplace_back(key);
  return out;
}

ForeignCard to_genz(const Machine& m) {
  ForeignCard out;
  ordered_json system;
  auto set = [&](const char* key, std::optional<double> v) {
    if (v)
      system[key] = *v;
    else
      out.left_out.emplace_back(key);
  };
  set("Flops", peak(m, Format::bf16, teraflops_per_second));
  set("Memory_size", in(m.memory_capacity, gigabytes));
  set("Memory_BW", in(m.memory_bandwidth, gigabytes_per_second));
  set("ICN", in(m.sync_tp_bandwidth, gigabytes_per_second));
  set("ICN_LL", in(m.sync_pp, microseconds));
  system["real_values"] = true;
  out.text = ordered_json{{m.name, system}}.dump(2) + "\n";
  return out;
}

ForeignCard to_llmcompass(const Machine& m) {
  ForeignCard out;
  ordered_json link, interconnect, device;
  if (const auto b = in(m.sync_tp_bandwidth, bytes_per_second)) {
    link["bandwidth_per_direction_byte"] = *b;
    link["bandwidth_both_directions_byte"] = 2 * *b;
    interconnect["link_count_per_device"] = 1;
    interconnect["topology"] = "FC";
  } else {
    for (const char* key :
         {"link.bandwidth_per_direction_byte", "link.bandwidth_both_directions_byte",
          "link_count_per_device", "topology"})
      out.left_out.push_back(fmt::format("interconnect.{}", key));
  }
  if (const auto t = in(m.sync_pp, seconds))
    link["latency_second"] = *t;
  else
    out.left_out.emplace_back("interconnect.link.latency_second");
  if (!link.is_null()) interconnect["link"] = link;
  // One channel of 1024 pins with the bandwidth that all have together.
  device["io"] = {{"memory_channel_active_count", 1},
                  {"pin_count_per_channel", 1024},
                  {"bandwidth_per_pin_bit", *in(m.memory_bandwidth, bytes_per_second) * 8 / 1024}};
  if (const auto c = in(m.memory_capacity, gigabytes))
    device["memory"]["total_capacity_GB"] = *c;
  else
    out.left_out.emplace_back("device.memory.total_capacity_GB");
  ordered_json card{{"name", m.name}, {"device_count", m.devices}};
  if (!interconnect.is_null()) card["interconnect"] = interconnect;
  card["device"] = device;
  for (const char* key :
       {"interconnect.link.flit_size_byte", "interconnect.link.header_size_byte",
        "interconnect.link.max_payload_size_byte", "device.frequency_Hz",
        "device.compute_chiplet_count",
        "device.compute_chiplet (cores, systolic arrays, vector units, registers, SRAM_KB)",
        "device.memory_protocol", "device.io.process_node", "device.io.global_buffer_MB",
        "device.io.global_buffer_bandwidth_per_cycle_byte"})
    out.left_out.emplace_back(key);
  out.text = card.dump(4) + "\n";
  return out;
}

}  // namespace limen::cards
