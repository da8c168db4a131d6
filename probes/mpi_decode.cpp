#include "probes/mpi_decode.hpp"

#include <mpi.h>

#include <algorithm>
#include <fstream>

#include <nlohmann/json.hpp>

#include "kernels/cpu/team.hpp"
#include "kernels/cuda/cuda_backend.hpp"
#include "kernels/mpi/allreduce.hpp"
#include "model/error.hpp"
#include "probes/gpu_decode.hpp"
#include "probes/mpi_facts.hpp"
#include "probes/mpi_meeting.hpp"
#include "probes/topology.hpp"

namespace limen::kernels {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LatentShape, query_rank, rank, nope, rope, value_dim,
                                   index_heads, index_dim, index_top)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LayerShape, query_heads, kv_heads, head_dim, window, width,
                                   experts, top_k, expert_width, chunked, gated, sigmoid, held,
                                   latent)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DecodeShape, weights, hidden, vocabulary, sequences, context,
                                   layers)

}  // namespace limen::kernels

namespace limen::probes {

using nlohmann::json;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DecodePoint, sequences, context)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LayerScale, attention, network)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DecodeOrder, shape, scales, points)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DecodeOptions, visit_seconds, visits, seed, exchange, gpus)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DecodeVisit, read_rate, multiply_rate, samples, experts_read,
                                   disturbed, memories, emulated)

namespace {

kernels::Exchanges exchanges() {
  return {[](const float* in, float* out, std::size_t count) {
            kernels::mpi::library_sum(in, out, static_cast<int>(count), MPI_COMM_WORLD);
          },
          [](kernels::Exchanges::Candidate* candidates, std::size_t count) {
            static_assert(sizeof(kernels::Exchanges::Candidate) == sizeof(float) + sizeof(int));
            MPI_Allreduce(MPI_IN_PLACE, candidates, static_cast<int>(count), MPI_FLOAT_INT,
                          MPI_MAXLOC, MPI_COMM_WORLD);
          }};
}

double reduced(double value, MPI_Op how) {
  double out = 0;
  MPI_Allreduce(&value, &out, 1, MPI_DOUBLE, how, MPI_COMM_WORLD);
  return out;
}

}  // namespace

void write_decode_orders(const std::filesystem::path& directory,
                         const std::vector<DecodeOrder>& orders, const DecodeOptions& options) {
  write_json(directory / "decode-orders.json", {{"orders", orders}, {"options", options}});
}

std::filesystem::path decode_times_file(const std::filesystem::path& directory) {
  return directory / "decode-times.json";
}

std::vector<std::vector<DecodeTimes>> read_decode_times(const std::filesystem::path& directory) {
  std::ifstream in(decode_times_file(directory));
  return json::parse(in).get<std::vector<std::vector<DecodeTimes>>>();
}

namespace {

// On CPUs.
json decode_on_cores(const std::vector<DecodeOrder>& orders, const DecodeOptions& options,
                     const DecodeRank& self) {
  const Topology topology;
  const int rank = static_cast<int>(self.rank), ranks = static_cast<int>(self.ranks);
  // All cores shared out; a rank that its launcher has bound to some has those.
  const int threads = std::max(1, topology.usable() / ranks);
  const int units = static_cast<int>(topology.processing_units().size());
  kernels::Team team(threads,
                     [&](int member) { topology.bind((rank * threads + member) % units); });
  json all = json::array();
  for (const auto& order : orders) all.push_back(time_decode(team, order, options, self));
  return all;
}

// On a GPU for each rank.
json decode_on_device(const std::vector<DecodeOrder>& orders, const DecodeOptions& options,
                      const DecodeRank& self, const OpenBackend& open) {
  std::string why;
  auto backend = open ? open(why) : gpu::make_cuda_backend(why);
  std::unique_ptr<GpuBench> bench;
  if (backend)
    bench = GpuBench::open({.quick = true, .only = options.gpus.at(self.rank)}, why,
                           std::move(backend));
  MpiMeeting meeting(MPI_COMM_WORLD);
  why = meeting.agree(bench ? "" : why);
  if (!why.empty()) throw Error(why, Exit::failed);
  return decode_as_gpu_rank(*bench, orders, options, self, meeting);
}

}  // namespace

void decode_as_rank(const std::filesystem::path& directory, int rank, int ranks,
                    const OpenBackend& gpus) {
  std::ifstream in(directory / "decode-orders.json");
  const json asked = json::parse(in);
  const auto options = asked.at("options").get<DecodeOptions>();
  const auto orders = asked.at("orders").get<std::vector<DecodeOrder>>();
  const DecodeRank self{static_cast<std::size_t>(rank),
                        static_cast<std::size_t>(ranks),
                        exchanges(),
                        [] { MPI_Barrier(MPI_COMM_WORLD); },
                        [](double x) { return reduced(x, MPI_SUM); },
                        [](double x) { return reduced(x, MPI_MAX); }};
  const json all = options.gpus.empty() ? decode_on_cores(orders, options, self)
                                        : decode_on_device(orders, options, self, gpus);
  if (rank == 0) write_json(decode_times_file(directory), all);
}

}  // namespace limen::probes
