# syntax=docker/dockerfile:1
# The server as a small image: one static program on a base without a shell, run by an unprivileged user.
#
#   docker build --build-arg GIT_COMMIT=$(git rev-parse HEAD) -t jobcast .
#   docker run --publish 8080:8080 --env AUTH_SECRET=… --env ANTHROPIC_API_KEY=… --stop-timeout 30 --volume jobcast:/data jobcast

# Alpine's target is musl, so that what is built needs no C library beside it.
FROM rust:1.95-alpine AS build
RUN apk add --no-cache make=~4.4 musl-dev=~1.2
WORKDIR /build
# The dependencies first, with stand-ins for our own sources: this layer is kept until Cargo.lock changes.
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
    && echo 'fn main() {}' >src/main.rs \
    && cp src/main.rs build.rs \
    && touch src/lib.rs \
    && cargo build --profile dist --locked --bin jobcast
COPY build.rs ./
COPY migrations migrations
COPY static static
COPY src src
# Behind all that does not depend on it. There is no git in here for build.rs to ask.
ARG GIT_COMMIT=""
# Cargo goes by times, and those of the copied sources lie before those of the stand-ins.
RUN find build.rs src -name '*.rs' -exec touch {} + \
    && GIT_COMMIT="$GIT_COMMIT" cargo build --profile dist --locked --bin jobcast \
    && mkdir -p /image/app /image/data \
    && cp target/dist/jobcast /image/app/jobcast \
    && /image/app/jobcast --version

# A list of users, /tmp, and nothing to run. The certificates of the upstreams' authorities are compiled into the program.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /image/app /app
# The default DATABASE_URL is a SQLite file in the current folder: mount a volume here to keep it.
COPY --from=build --chown=65532:65532 /image/data /data
WORKDIR /data
USER 65532:65532

# A container is reached from outside, so loopback will not do. The server refuses any other address without AUTH_SECRET,
# unless ALLOW_ANONYMOUS=true: whoever runs the image says so, having made sure who can reach the port.
ENV HOST=0.0.0.0 PORT=8080
EXPOSE 8080

# Whether the process lives. Whether it takes traffic is `jobcast health --ready` or GET /readyz, which a platform should
# not restart anything for: it is "no" while the database is away.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["/app/jobcast", "health"]

# Process 1 gets the stop signal itself and drains for DRAIN_SECONDS (20): allow it more than Docker's 10 seconds.
# CMD and not ENTRYPOINT, so that a platform's release command replaces the whole line.
STOPSIGNAL SIGTERM
CMD ["/app/jobcast"]

ARG GIT_COMMIT=""
LABEL org.opencontainers.image.title="jobcast" \
      org.opencontainers.image.description="Runs long AI jobs in the background and pushes their progress to browsers over Server-Sent Events." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="$GIT_COMMIT"
