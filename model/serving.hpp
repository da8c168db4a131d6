// Serving: what users see and a machine delivers when requests of given lengths follow one another.
//
// A request is a prompt of `input` tokens and an answer of `output` tokens, of which prefill gives
// the first and each decode step one more; the mean step is that of contexts input + 1 to
// input + output - 1. The system is full: when a request ends the next one begins, so that there is
// no queue and none of its waiting. Memory is kept for whole answers: nothing is preempted.
//
//   interleaved     prefill and decode take turns on each instance: for N sequences in flight,
//                   cycle = (output - 1) decode + N prefill;  stps = N output / cycle
//                   A user waits while the other N - 1 are prefilled once during his answer:
//                   tpot = decode + (N - 1) prefill / (output - 1)
//                   In chunks, a decode step comes between two of them (not in the same pass).
//   disaggregated   prefill on instances of its own; keys and values cross the network before the
//                   answer goes on; stps = output min(prefill, link, decode requests/s), tpot =
//                   decode
//
// Over pipeline stages, N counts all stages' batches and times are those of the slowest stage.
// Instances that a machine has room for beside each other share the requests.
#pragma once

#include <array>
#include <optional>

#include "model/prefill.hpp"
#include "model/search.hpp"

namespace limen::model {

struct Request {
  long long input = 1, output = 2;  // tokens; the output at least 2
  long long chunk = 0;              // tokens of a prefill chunk; 0: the whole prompt at once
  int prompts = 1;                  // prefilled together, by each attention replica
};

// Copies of a partitioned model.
struct Pool {
  Partition partition;
  int instances = 1;
};

struct Served {
  double ttft = 0;           // seconds to the first token
  double tpot = 0;           // seconds a token after it
  double stps = 0;           // tokens/s of all instances
  double prefill_share = 0;  // of the time; disaggregated: how busy the prefill pool is
  double longest_gap = 0;    // seconds between two tokens of a user, at most
  double transfer = 0;       // seconds of the ttft, for keys and values
  double utps() const { return 1 / tpot; }
};

// Relative errors of the laws, to be moved like parameters.
struct Stretch {
  double linear = 0, experts = 0, exchanges = 0;
};

// Seconds of steps on a machine: clock(demand) reads the machine once for all steps with the same
// exchanges.
struct Clock {
  const Machine* machine;  // with the case's conventions applied
  const Case* of;
  bool ideal = false;
  Stretch stretch{};

  auto operator()(const Passes& like) const {
    return [r = rates(*machine, *of, like), s = stretch, peak = ideal](const Passes& p) {
      if (peak) return ideal_step(r, p).total.in(seconds);
      const Step t = calibrated_step(r, p);
      return (t.total + s.linear * (t.linear + t.apart) + s.experts * t.experts +
              s.exchanges * t.exchanges)
          .in(seconds);
    };
  }
};

inline double in_flight(const Transformer& t, const Pool& p, double batch) {
  return batch * busy_stages(t, p.partition.pp);
}

// `decode`: seconds of the mean step for each token of it. Of one machine whose instances do both.
inline Served interleaved(const Transformer& t, const Pool& pool, double batch, const Request& r,
                          const PrefillTime& prefill, long long chunks, double decode,
                          double tokens_per_step = 1) {
  const double sequences = in_flight(t, pool, batch);
  const double together = double(pool.partition.dp) * r.prompts;
  const double steps = double(r.output - 1);
  const double prefilling = sequences / together * prefill.occupied;
  const double cycle = steps * decode + prefilling;
  Served s;
  s.ttft = prefill.through + double(chunks - 1) * decode * tokens_per_step;
  s.tpot = decode + std::max(0.0, prefilling - prefill.occupied) / steps;
  s.stps = pool.instances * sequences * double(r.output) / cycle;
  s.prefill_share = prefilling / cycle;
  s.longest_gap = decode * tokens_per_step + (sequences > together ? prefill.longest : 0.0);
  return s;
}

// From a device of one pool to a device of the other: the network where the machine names one, else
// its links between stages, else those of collectives, else nothing is charged.
struct Link {
  double latency = 0, bytes_per_second = INFINITY;
};
inline Link pool_link(const Machine& m) {
  auto link = [](const auto& latency, const auto& bandwidth) {
    return Link{latency ? latency->value.in(seconds) : 0.0,
                bandwidth ? bandwidth->value.in(bytes_per_second) : INFINITY};
  };
  if (m.sync_net || m.sync_net_bandwidth) return link(m.sync_net, m.sync_net_bandwidth);
  if (m.sync_pp_bandwidth) return link(m.sync_pp, m.sync_pp_bandwidth);
  return link(m.sync_tp, m.sync_tp_bandwidth);
}

// Keys and values of a prompt, each once.
inline double cached_bytes(const Case& c, long long input) {
  Workload w = c.workload;
  w.batch = 1;
  w.context = double(input);
  w.tokens = 1;
  return demand<double>(*c.transformer, w, {}).kv_per_sequence.in(bytes);
}

// Over which pools of two machines hand keys and values on. A request's go between the ranks that
// hold it, each with a part of its own; copies of a key that several ranks need are made inside the
// decoding instance and not counted.
struct Handover {
  double latency = 0;   // seconds
  double by_bytes = 0;  // seconds of a request
  double rate = 0;      // requests/s, all links busy

  Handover(const Machine& from, const Pool& prefill, const Machine& to, const Pool& decode,
           double kv) {
    const Link a = pool_link(from), b = pool_link(to);
    auto devices = [](const Machine& m, Partition p) {
      p.dp = 1;
      return devices_needed(m, p);
    };
    const double of_request =
        std::min(devices(from, prefill.partition), devices(to, decode.partition));
    const double of_all =
        std::min(double(devices_needed(from, prefill.partition)) * prefill.instances,
                 double(devices_needed(to, decode.partition)) * decode.instances);
    const double bandwidth = std::min(a.bytes_per_second, b.bytes_per_second);
    latency = std::max(a.latency, b.latency);
    by_bytes = kv / (bandwidth * of_request);
    rate = bandwidth * of_all / kv;
  }
};

// Requests/s that a pool can prefill or decode.
inline double prefill_rate(const Pool& p, const Request& r, const PrefillTime& t) {
  return p.instances * p.partition.dp * r.prompts / t.occupied;
}
inline double decode_rate(const Transformer& t, const Pool& p, double batch, const Request& r,
                          double decode) {
  return p.instances * in_flight(t, p, batch) / (double(r.output - 1) * decode);
}

inline Served disaggregated(const Transformer& t, const Pool& prefill, const Pool& decode,
                            double batch, const Request& r, const PrefillTime& prompt,
                            double decode_step, const Handover& link) {
  const double prefilled = prefill_rate(prefill, r, prompt);
  const double requests =
      std::min({prefilled, link.rate, decode_rate(t, decode, batch, r, decode_step)});
  Served s;
  s.transfer = link.latency + link.by_bytes;
  s.ttft = prompt.through + s.transfer;
  s.tpot = s.longest_gap = decode_step;
  s.stps = requests * double(r.output);
  s.prefill_share = requests / prefilled;
  return s;
}

}  // namespace limen::model
