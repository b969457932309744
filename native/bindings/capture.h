#pragma once
#include <node_api.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace scmoe {

/// What a function gave back to JavaScript: nothing, or a number that decides there how things go on.
struct CapturedResult {
  bool isNumber = false;
  double number = 0;
};

CapturedResult resultOf(napi_env env, napi_value value);

/// A call that can be made again without JavaScript: its arguments are those that were read when it was first made.
class CapturedCall {
 public:
  CapturedCall() = default;
  CapturedCall(const CapturedCall&) = delete;
  CapturedCall& operator=(const CapturedCall&) = delete;
  virtual ~CapturedCall() = default;
  virtual void run(napi_env env) const = 0;

 protected:
  /// @throws Error where the function gives something else than it gave first: what came after depended on it
  static void expectSame(napi_env env, const char* function, const CapturedResult& first, napi_value now);
};

/// Calls in the order in which they were made, and the arrays on which they work, which stay as long.
class Capture {
 public:
  explicit Capture(napi_env env);
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture();

  void add(std::unique_ptr<CapturedCall> call) { calls_.push_back(std::move(call)); }
  void keep(napi_value array);
  bool isEmpty() const { return calls_.empty(); }
  void run() const;

 private:
  napi_env env_;
  napi_ref arrays_ = nullptr;
  uint32_t numArrays_ = 0;
  std::vector<std::unique_ptr<CapturedCall>> calls_;
};

/// The capture that this thread is making, if any.
Capture*& currentCapture();

}  // namespace scmoe
