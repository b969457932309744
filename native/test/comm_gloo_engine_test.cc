#include "comm/gloo/gloo_engine.h"

#include <exception>
#include <functional>
#include <thread>

#include "comm/error.h"
#include "test/check.h"

using namespace scmoe::comm;

namespace {

using Body = std::function<void(GlooEngine& engine)>;

/// Each rank on a thread of its own. @returns what each rank has thrown, or nothing.
std::vector<std::exception_ptr> onRanks(int size, const Body& body) {
  std::vector<std::unique_ptr<GlooEngine>> engines;
  std::vector<std::vector<uint8_t>> addresses;
  for (int rank = 0; rank < size; ++rank) {
    auto mesh = std::make_unique<GlooMesh>(PeerIdentity{"token", "world", rank, size}, "127.0.0.1");
    addresses.push_back(mesh->address());
    engines.push_back(std::make_unique<GlooEngine>(std::move(mesh)));
  }
  std::vector<std::exception_ptr> errors(size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        engines[rank]->setAddresses(addresses);
        engines[rank]->connect(Clock::now() + Milliseconds(10000));
        body(*engines[rank]);
      } catch (...) {
        errors[rank] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}

void run(GlooEngine& engine, const Request& request, uint64_t sequence, int timeoutMs = 10000) {
  engine.run(request, sequence, Clock::now() + Milliseconds(timeoutMs), [](WorkState, const std::vector<int>&) {});
}

void rethrow(const std::vector<std::exception_ptr>& errors) {
  for (const auto& error : errors)
    if (error) std::rethrow_exception(error);
}

CommError caught(const std::exception_ptr& error) {
  if (!error) throw scmoe::testing::Failure("expected an error");
  try {
    std::rethrow_exception(error);
  } catch (const CommError& commError) {
    return commError;
  }
}

}  // namespace

TEST(an_all_reduce_longer_than_one_piece_adds_up) {
  // Two pieces of 32 MiB and a rest, uneven over three ranks.
  const size_t elements = (size_t{16} << 20) + 5;
  rethrow(onRanks(3, [&](GlooEngine& engine) {
    std::vector<float> data(elements, static_cast<float>(engine.rank() + 1));
    data.back() = 0.5f;
    Request request;
    request.operation = Operation::kAllReduce;
    request.input = request.output = data.data();
    request.elements = elements;
    run(engine, request, 1);
    for (size_t i = 0; i + 1 < elements; i += 10007) CHECK(data[i] == 6.0f);
    CHECK(data.back() == 1.5f);
  }));
}

TEST(an_all_to_all_with_empty_and_uneven_shares_arrives) {
  rethrow(onRanks(4, [&](GlooEngine& engine) {
    Request request;
    request.operation = Operation::kAllToAllV;
    std::vector<float> input, output;
    for (int peer = 0; peer < 4; ++peer) {
      const int sends = (engine.rank() * peer) % 3 * 1000, receives = (peer * engine.rank()) % 3 * 1000;
      request.sendCounts.push_back(sends);
      request.recvCounts.push_back(receives);
      input.insert(input.end(), sends, static_cast<float>(10 * engine.rank() + peer));
      output.insert(output.end(), receives, -1.0f);
    }
    request.elements = input.size();
    request.input = input.data();
    request.output = output.data();
    run(engine, request, 1);
    size_t at = 0;
    for (int peer = 0; peer < 4; ++peer)
      for (int64_t i = 0; i < request.recvCounts[peer]; ++i)
        CHECK(output[at++] == static_cast<float>(10 * peer + engine.rank()));
  }));
}

TEST(a_rank_that_does_not_come_is_named_when_time_is_up) {
  // Long enough for two ranks to hear of each other, however busy the machine.
  constexpr int timeoutMs = 2000;
  const auto errors = onRanks(3, [&](GlooEngine& engine) {
    Request request;
    request.operation = Operation::kBarrier;
    request.timeout = Milliseconds(timeoutMs);
    if (engine.rank() != 2) run(engine, request, 1, timeoutMs);
  });
  for (int rank : {0, 1}) {
    const CommError error = caught(errors[rank]);
    // The first to run out of time closes its connections: the other one may see that instead.
    CHECK(error.kind == FailureKind::kTimeout || error.kind == FailureKind::kConnection);
  }
  const bool named = caught(errors[0]).ranks == std::vector<int>{2} || caught(errors[1]).ranks == std::vector<int>{2};
  CHECK(named);
}

TEST(an_abort_wakes_a_rank_that_waits) {
  const auto errors = onRanks(2, [&](GlooEngine& engine) {
    Request request;
    request.operation = Operation::kBarrier;
    if (engine.rank() == 1) return;
    std::thread other([&] {
      std::this_thread::sleep_for(Milliseconds(50));
      engine.abort();
    });
    try {
      run(engine, request, 1);
    } catch (...) {
      other.join();
      throw;
    }
    other.join();
  });
  CHECK(caught(errors[0]).kind == FailureKind::kAborted);
}

TEST(ranks_that_disagree_throw_the_same_and_move_nothing) {
  const auto errors = onRanks(3, [&](GlooEngine& engine) {
    std::vector<float> data(4);
    Request request;
    request.operation = engine.rank() == 1 ? Operation::kBroadcast : Operation::kAllReduce;
    request.input = request.output = data.data();
    request.elements = data.size();
    run(engine, request, 1);
  });
  for (const auto& error : errors) {
    CHECK(caught(error).kind == FailureKind::kMismatch);
    CHECK(std::string(caught(error).what()) == caught(errors[0]).what());
  }
}

TEST(an_address_that_is_none_is_an_error) {
  try {
    GlooMesh mesh({"token", "world", 0, 2}, "no-such-host.invalid");
    CHECK(false);
  } catch (const CommError& error) {
    CHECK(std::string(error.what()).find("Gloo can't listen on 'no-such-host.invalid'") != std::string::npos);
  }
  GlooMesh mesh({"token", "world", 1, 2}, "127.0.0.1");
  try {
    mesh.connect({{1, 2, 3}, {}}, Clock::now() + Milliseconds(100));
    CHECK(false);
  } catch (const CommError& error) {
    CHECK(std::string(error.what()) == "no connection to rank 0: its address is malformed");
  }
}

TEST(a_rank_that_never_connects_is_named) {
  GlooMesh mesh({"token", "world", 0, 2}, "127.0.0.1");
  try {
    mesh.connect({{}, {}}, Clock::now() + Milliseconds(100));
    CHECK(false);
  } catch (const CommError& error) {
    CHECK(error.kind == FailureKind::kTimeout);
    CHECK(error.ranks == std::vector<int>{1});
    CHECK(std::string(error.what()) == "no connection to rank 1: it did not connect in time");
  }
}

TEST(a_rank_that_is_gone_is_named_at_once) {
  std::vector<uint8_t> gone;
  {
    GlooMesh other({"token", "world", 0, 2}, "127.0.0.1");
    gone = other.address();
  }
  GlooMesh mesh({"token", "world", 1, 2}, "127.0.0.1");
  try {
    mesh.connect({gone, {}}, Clock::now() + Milliseconds(60000));
    CHECK(false);
  } catch (const CommError& error) {
    CHECK(error.kind == FailureKind::kConnection);
    CHECK(std::string(error.what()).find("no connection to rank 0: Connection refused") == 0);
  }
}

TEST(an_abort_ends_connecting_on_both_sides) {
  // Rank 0 waits to be dialled; rank 1 dials who never says a word.
  const Socket silent = listenAt("127.0.0.1");
  for (int rank : {0, 1}) {
    GlooMesh mesh({"token", "world", rank, 2}, "127.0.0.1");
    std::thread other([&] {
      std::this_thread::sleep_for(Milliseconds(50));
      mesh.abort();
    });
    FailureKind kind = FailureKind::kEngine;
    try {
      mesh.connect({addressOf(silent), {}}, Clock::now() + Milliseconds(60000));
    } catch (const CommError& error) {
      kind = error.kind;
    }
    other.join();
    CHECK(kind == FailureKind::kAborted);
  }
}
