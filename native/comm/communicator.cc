#include "comm/communicator.h"

#include <algorithm>
#include <utility>

#include "comm/abort_notice.h"

namespace scmoe::comm {

namespace {

// Past its deadline by this much, work is stuck where no engine should be: wait() gives up on it.
constexpr Milliseconds kStuck{10000};
// Ranks that disagree have each other's header by then; closing at once could reset a connection before it is read.
constexpr Milliseconds kLinger{200};

}  // namespace

Communicator::Communicator(std::unique_ptr<Engine> engine, CommunicatorOptions options)
    : options_(std::move(options)), engine_(std::move(engine)), recorder_(options_.recordCapacity) {
  if (!options_.watch.host.empty()) {
    watch_ = std::make_unique<Watch>(options_.watch, [this](Watch::Event event, int rank, const std::string& text) {
      switch (event) {
        case Watch::Event::kDead:
          fail(CommError(FailureKind::kDead, "rank " + std::to_string(rank) + " is dead: " + text, {rank}),
               Origin::kNotice);
          break;
        case Watch::Event::kAbort: fail(readAbort(rank, text), Origin::kNotice); break;
        case Watch::Event::kServerLost: fail(serverLost(text), Origin::kNotice); break;
      }
    });
  }
  thread_ = std::thread([this] { run(); });
}

Communicator::~Communicator() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  fail(CommError(FailureKind::kClosed, "the communicator was released while it was at work"), Origin::kNotice);
  engine_->abort();
  queued_.notify_all();
  thread_.join();
  watch_.reset();
}

uint64_t Communicator::start(Request request) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (failure_)
    throw CommError(
        FailureKind::kClosed,
        std::string(nameOf(request.operation)) + " on " + whoAmI() +
            ": this communicator has failed and can't be used any more; make a new one. It failed because " +
            failure_->what(),
        failure_->ranks);
  if (closing_ || stopping_)
    throw CommError(FailureKind::kClosed,
                    std::string(nameOf(request.operation)) + " on " + whoAmI() + ": this communicator is closed");
  closing_ = request.operation == Operation::kClose;
  auto work = std::make_shared<Work>();
  work->sequence = nextSequence_++;
  work->request = std::move(request);
  recorder_.issued(work->sequence, work->request);
  queue_.push_back(work);
  known_.push_back(work);
  queued_.notify_one();
  return work->sequence;
}

void Communicator::wait(uint64_t sequence) {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto found =
      std::find_if(known_.begin(), known_.end(), [&](const auto& work) { return work->sequence == sequence; });
  if (found == known_.end()) return;
  const std::shared_ptr<Work> work = *found;
  while (!finished_.wait_for(lock, Milliseconds(500), [&] { return work->done; })) {
    if (Clock::now() < work->overdue) continue;
    const CommError stuck(FailureKind::kTimeout, "the engine does not come back from " +
                                                     std::string(nameOf(work->request.operation)) + " on " + whoAmI());
    lock.unlock();
    fail(stuck, Origin::kOwn);
    throw stuck;
  }
  if (work->error) throw *work->error;
}

bool Communicator::isDone(uint64_t sequence) const {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& work : known_)
    if (work->sequence == sequence) return work->done;
  return true;
}

void Communicator::forget(uint64_t sequence) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = std::find_if(known_.begin(), known_.end(),
                                  [&](const auto& work) { return work->sequence == sequence && work->done; });
  if (found != known_.end()) known_.erase(found);
}

void Communicator::abort(const std::string& text) { fail(CommError(FailureKind::kAborted, text), Origin::kOwn); }

std::optional<CommError> Communicator::failure() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return failure_;
}

std::string Communicator::flightRecord() const {
  const auto reason = failure();
  return recorder_.json(options_.group, engine_->rank(), engine_->size(), reason ? reason->what() : "");
}

CommError Communicator::serverLost(const std::string& text) const {
  const int host = options_.watch.serverRank;
  if (host < 0) return CommError(FailureKind::kConnection, text + " (it runs in the launcher)");
  return CommError(FailureKind::kDead, namesOf({host}) + " is dead: " + text + ", which runs in that rank's process",
                   {host});
}

std::string Communicator::whoAmI() const {
  return "rank " + std::to_string(engine_->rank()) + " of " + std::to_string(engine_->size());
}

/// Sets the one failure. The thread does the rest; it is woken here, out of the queue or out of the engine.
bool Communicator::fail(const CommError& error, Origin origin) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (failure_ || closed_) return false;
    failure_ = error;
    origin_ = origin;
  }
  engine_->abort();
  queued_.notify_all();
  return true;
}

void Communicator::run() {
  for (;;) {
    std::shared_ptr<Work> work;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      queued_.wait(lock, [&] { return stopping_ || failure_ || !queue_.empty(); });
      if (!failure_ && !queue_.empty()) {
        work = queue_.front();
        queue_.pop_front();
        work->overdue = Clock::now() + work->request.timeout + kStuck;
      } else if (!failure_) {
        return;  // closed, then released
      }
    }
    if (work) {
      try {
        execute(*work);
        finish(work, std::nullopt);
        continue;
      } catch (const CommError& error) {
        if (error.kind == FailureKind::kConnection && watching_) {
          // Somebody has closed a connection to this rank. If it died or gave up, the server says so in a moment.
          engine_->disconnect();
          std::unique_lock<std::mutex> lock(mutex_);
          queued_.wait_for(lock, options_.noticeGrace, [&] { return failure_ || stopping_; });
        }
        fail(error, Origin::kOwn);
      } catch (const std::exception& error) {
        fail(CommError(FailureKind::kAborted, error.what()), Origin::kOwn);
      }
    }
    settle(work);
    return;
  }
}

void Communicator::execute(Work& work) {
  const Request& request = work.request;
  const Deadline deadline = Clock::now() + request.timeout;
  switch (request.operation) {
    case Operation::kConnect: return connect(deadline);
    case Operation::kClose: return close(work);
    default: break;
  }
  try {
    engine_->run(request, work.sequence, deadline, [&](WorkState state, const std::vector<int>& missing) {
      recorder_.moved(work.sequence, state, missing);
    });
  } catch (const CommError& error) {
    if (error.kind != FailureKind::kTimeout) throw;
    recorder_.moved(work.sequence, WorkState::kFailed, error.ranks);
    throw CommError(error.kind,
                    error.what() + std::string(" (time-out ") + std::to_string(request.timeout.count()) + " ms)",
                    error.ranks);
  }
}

void Communicator::connect(Deadline deadline) {
  // The watch first: a rank that dies while the others still connect is reported as well.
  if (watch_) watch_->connect(deadline);
  watching_ = watch_ != nullptr;
  engine_->connect(deadline);
}

void Communicator::close(const Work& work) {
  engine_->leave(work.sequence, Clock::now() + std::min(options_.closeGrace, work.request.timeout));
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
  }
  if (watch_) watch_->bye();
  engine_->disconnect();
}

/// After a failure: tells the other ranks, leaves the record, ends all work.
void Communicator::settle(const std::shared_ptr<Work>& current) {
  std::unique_lock<std::mutex> lock(mutex_);
  const CommError error = *failure_;
  const bool own = origin_ == Origin::kOwn;
  std::deque<std::shared_ptr<Work>> rest;
  rest.swap(queue_);
  const bool released = stopping_;
  lock.unlock();

  // A close that meets a failure has nothing left to wait for: it is done.
  const auto end = [&](const std::shared_ptr<Work>& work) {
    const bool harmless = work->request.operation == Operation::kClose;
    finish(work, harmless ? std::nullopt : std::optional<CommError>(inContext(*work, error)));
  };
  if (watch_ && own) watch_->sendAbort(packAbort(error));
  if (current) recorder_.moved(current->sequence, WorkState::kFailed);
  for (const auto& work : rest) recorder_.moved(work->sequence, WorkState::kFailed);
  // Ranks that are at their end lose the server when its process ends first: no failure worth a record.
  const bool idle = !current && rest.empty();
  if (!released && !idle) dump(error);
  if (current) end(current);
  for (const auto& work : rest) end(work);

  if (own && (error.kind == FailureKind::kMismatch || error.kind == FailureKind::kLeft)) {
    lock.lock();
    queued_.wait_for(lock, kLinger, [&] { return stopping_; });
    lock.unlock();
  }
  engine_->disconnect();
}

void Communicator::finish(const std::shared_ptr<Work>& work, const std::optional<CommError>& error) {
  recorder_.moved(work->sequence, error ? WorkState::kFailed : WorkState::kDone);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    work->error = error;
    work->done = true;
  }
  finished_.notify_all();
  if (options_.onDone) options_.onDone(work->sequence);
}

CommError Communicator::inContext(const Work& work, const CommError& error) const {
  return CommError(error.kind,
                   std::string(nameOf(work.request.operation)) + " (collective " + std::to_string(work.sequence) +
                       ") on " + whoAmI() + " failed: " + error.what(),
                   error.ranks);
}

void Communicator::dump(const CommError& error) const {
  if (options_.recordFolder.empty()) return;
  writeRecord(options_.recordFolder, options_.group, engine_->rank(),
              recorder_.json(options_.group, engine_->rank(), engine_->size(), error.what()));
}

}  // namespace scmoe::comm
