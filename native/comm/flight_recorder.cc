#include "comm/flight_recorder.h"

#include <sys/stat.h>

#include <cstdio>
#include <fstream>
#include <sstream>

namespace scmoe::comm {

namespace {

double nowMs() {
  using namespace std::chrono;
  return static_cast<double>(duration_cast<microseconds>(system_clock::now().time_since_epoch()).count()) / 1000.0;
}

void makeFolders(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    ::mkdir(path.substr(0, slash).c_str(), 0777);
  ::mkdir(path.c_str(), 0777);
}

std::string fileName(const std::string& group, int rank) {
  std::string name = "scmoe-";
  for (char c : group) name += std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' ? c : '_';
  return name + "-rank" + std::to_string(rank) + ".json";
}

}  // namespace

const char* nameOf(WorkState state) {
  switch (state) {
    case WorkState::kQueued: return "queued";
    case WorkState::kWaitingForRanks: return "waiting for ranks";
    case WorkState::kMovingData: return "moving data";
    case WorkState::kDone: return "done";
    case WorkState::kFailed: return "failed";
  }
  return "unknown";
}

FlightRecorder::FlightRecorder(size_t capacity) : entries_(capacity > 0 ? capacity : 1) {}

void FlightRecorder::issued(uint64_t sequence, const Request& request) {
  std::lock_guard<std::mutex> lock(mutex_);
  Entry& entry = entries_[sequence % entries_.size()];
  entry = Entry{};
  entry.sequence = sequence;
  entry.operation = request.operation;
  entry.dtype = request.dtype;
  entry.call =
      describe(request.operation, request.dtype, request.wire, request.reduction, request.root, request.elements);
  entry.bytes = request.elements * sizeOf(request.dtype);
  entry.issuedMs = nowMs();
  count_ = sequence + 1;
}

void FlightRecorder::moved(uint64_t sequence, WorkState state, const std::vector<int>& missing) {
  std::lock_guard<std::mutex> lock(mutex_);
  Entry& entry = entries_[sequence % entries_.size()];
  if (entry.sequence != sequence) return;
  if (entry.startedMs == 0 && state != WorkState::kFailed) entry.startedMs = nowMs();
  if (state == WorkState::kDone || state == WorkState::kFailed) entry.finishedMs = nowMs();
  // What was waited for stays in the record of a failure.
  if (state != WorkState::kFailed || !missing.empty()) entry.missing = missing;
  entry.state = state;
  if (state != WorkState::kFailed && state != WorkState::kDone) entry.reached = state;
}

std::string FlightRecorder::json(const std::string& group, int rank, int size, const std::string& reason) const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::ostringstream out;
  out.setf(std::ios::fixed);
  out.precision(3);
  out << "{\"version\":1,\"group\":" << jsonText(group) << ",\"rank\":" << rank << ",\"size\":" << size
      << ",\"reason\":" << jsonText(reason) << ",\"writtenMs\":" << nowMs() << ",\"entries\":[";
  const uint64_t first = count_ > entries_.size() ? count_ - entries_.size() : 0;
  for (uint64_t sequence = first; sequence < count_; ++sequence) {
    const Entry& entry = entries_[sequence % entries_.size()];
    out << (sequence > first ? ",\n" : "\n") << "{\"sequence\":" << entry.sequence
        << ",\"operation\":" << jsonText(nameOf(entry.operation)) << ",\"call\":" << jsonText(entry.call)
        << ",\"dtype\":" << jsonText(nameOf(entry.dtype)) << ",\"bytes\":" << entry.bytes
        << ",\"state\":" << jsonText(nameOf(entry.state)) << ",\"reached\":" << jsonText(nameOf(entry.reached))
        << ",\"waitingFor\":[";
    for (size_t i = 0; i < entry.missing.size(); ++i) out << (i > 0 ? "," : "") << entry.missing[i];
    out << "],\"issuedMs\":" << entry.issuedMs << ",\"startedMs\":" << entry.startedMs
        << ",\"finishedMs\":" << entry.finishedMs << "}";
  }
  out << "\n]}\n";
  return out.str();
}

std::string jsonText(const std::string& text) {
  std::string result = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += static_cast<char>(c);
    } else if (c < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof(escaped), "\\u%04x", c);
      result += escaped;
    } else {
      result += static_cast<char>(c);
    }
  }
  return result + "\"";
}

void writeRecord(const std::string& folder, const std::string& group, int rank, const std::string& json) noexcept {
  try {
    makeFolders(folder);
    const std::string path = folder + "/" + fileName(group, rank);
    {
      std::ofstream file(path + ".new", std::ios::trunc);
      file << json;
      if (!file.flush()) return;
    }
    std::rename((path + ".new").c_str(), path.c_str());
  } catch (...) {
  }
}

}  // namespace scmoe::comm
