#include "bindings/capture.h"

#include <string>
#include <unordered_map>

#include "bindings/tensor/linked_calls.h"

#include "signatures/tensor/capture.h"

using namespace scmoe;

namespace {

/// The captures of an environment of Node's, which has a thread of its own.
struct Captures {
  std::unique_ptr<Capture> making;
  std::unordered_map<int64_t, std::unique_ptr<Capture>> made;
  int64_t last = 0;
};

thread_local Captures* current = nullptr;

/// They end before the environment does, which their arrays belong to.
void end(void*) {
  delete current;
  current = nullptr;
  currentCapture() = nullptr;
}

Captures& captures(napi_env env) {
  if (current == nullptr) {
    current = new Captures;
    napi_add_env_cleanup_hook(env, end, nullptr);
  }
  return *current;
}

Capture& captureOf(const Call& call, int64_t number) {
  Captures& all = captures(call.env());
  const auto found = all.made.find(number);
  if (found == all.made.end()) call.reject("capture", "one that there is", std::to_string(number));
  return *found->second;
}

}  // namespace

SCMOE_EXPORT_UNCAPTURED(beginCapture) {
  Captures& all = captures(call.env());
  if (all.making) throw Error("beginCapture: a capture is being made");
  all.making = std::make_unique<Capture>(call.env(), args.isDry);
  currentCapture() = all.making.get();
  return nullptr;
}

SCMOE_EXPORT_UNCAPTURED(endCapture) {
  Captures& all = captures(call.env());
  if (!all.making) throw Error("endCapture: no capture is being made");
  currentCapture() = nullptr;
  std::unique_ptr<Capture> made = std::move(all.making);
  if (made->isEmpty()) return toJs(call.env(), 0.0);
  all.made.emplace(++all.last, std::move(made));
  return toJs(call.env(), static_cast<double>(all.last));
}

SCMOE_EXPORT_UNCAPTURED(linkCapture) {
  Capture& capture = captureOf(call, args.capture);
  std::vector<ArrayPlaces::Range> arrays;
  for (size_t i = 0; i < args.arrays.data.size(); ++i)
    arrays.push_back(
        {reinterpret_cast<const char*>(args.arrays.data[i]), static_cast<size_t>(args.arrays.lengths[i]), i});
  LinkedCalls::add(args.key, capture.takeCalls(), std::move(arrays));
  captures(call.env()).made.erase(args.capture);
  return nullptr;
}

SCMOE_EXPORT_UNCAPTURED(replay) {
  captureOf(call, args.capture).run();
  return nullptr;
}

SCMOE_EXPORT_UNCAPTURED(forgetCapture) {
  captureOf(call, args.capture);
  captures(call.env()).made.erase(args.capture);
  return nullptr;
}
