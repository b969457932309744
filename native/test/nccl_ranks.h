#pragma once
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "comm/error.h"
#include "comm/nccl/nccl_engine.h"
#include "core/shared_library.h"
#include "test/check.h"

/// Ranks on threads of one process, over the libraries that stand in for NCCL and the CUDA driver.
namespace scmoe::comm {

inline const std::string kCuda = STANDIN_FOLDER "/libscmoe_standin_cuda.so";
inline const std::string kNccl = STANDIN_FOLDER "/libscmoe_standin_nccl.so";
inline const std::string kLacking = STANDIN_FOLDER "/libscmoe_standin_nccl_lacking.so";

/// A variable of the stand-ins, for as long as this lives.
class Knob {
 public:
  Knob(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Knob() { ::unsetenv(name_); }

 private:
  const char* name_;
};

inline long countOf(const std::string& library, const char* symbol) {
  static_assert(sizeof(void*) == sizeof(long (*)()));
  return reinterpret_cast<long (*)()>(SharedLibrary(library).find(symbol))();
}

inline std::unique_ptr<NcclEngine> makeEngine(int rank, int size) {
  NcclEngineOptions options;
  options.rank = rank;
  options.size = size;
  options.device = rank;
  return std::make_unique<NcclEngine>(NcclApi::open({kNccl}), CudaApi::open({kCuda}), options);
}

using Body = std::function<void(NcclEngine& engine)>;

/// Each rank on a thread of its own, and off the device when its body has ended.
/// @returns what each rank has thrown, or nothing
inline std::vector<std::exception_ptr> onRanks(int size, const Body& body, int connectMs = 20000) {
  std::vector<std::unique_ptr<NcclEngine>> engines;
  for (int rank = 0; rank < size; ++rank) engines.push_back(makeEngine(rank, size));
  const NcclUniqueId id = engines[0]->createId();
  std::vector<std::exception_ptr> errors(size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      NcclEngine& engine = *engines[rank];
      try {
        engine.setId(id);
        engine.connect(Clock::now() + Milliseconds(connectMs));
        body(engine);
      } catch (...) {
        errors[rank] = std::current_exception();
      }
      engine.disconnect();
    });
  }
  for (std::thread& thread : threads) thread.join();
  engines.clear();
  // Whatever has happened, nothing is left on a device.
  CHECK(countOf(kCuda, "standinCudaLive") == 0);
  CHECK(countOf(kNccl, "standinNcclLive") == 0);
  return errors;
}

inline void run(NcclEngine& engine, const Request& request, uint64_t sequence, int timeoutMs = 20000) {
  engine.run(request, sequence, Clock::now() + Milliseconds(timeoutMs), [](WorkState, const std::vector<int>&) {});
}

inline void waitUntil(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::sleep_for(Milliseconds(5));
}

inline void rethrow(const std::vector<std::exception_ptr>& errors) {
  for (const auto& error : errors)
    if (error) std::rethrow_exception(error);
}

inline CommError caught(const std::exception_ptr& error) {
  if (!error) throw scmoe::testing::Failure("expected an error");
  try {
    std::rethrow_exception(error);
  } catch (const CommError& commError) {
    return commError;
  }
}

inline bool has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  throw scmoe::testing::Failure("expected '" + part + "' in: " + text);
}

inline std::string errorOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const scmoe::Error& error) {
    return error.what();
  }
  throw scmoe::testing::Failure("expected an error");
}

}  // namespace scmoe::comm
