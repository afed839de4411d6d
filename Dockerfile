# The server as a small image without a shell, run by an unprivileged user.
#
#   docker build -t jobcast .
#   docker run --publish 127.0.0.1:8080:8080 --env AUTH_SECRET --stop-timeout 30 --volume jobcast:/data jobcast

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
# The caches spare the next build the dependencies. Neither outlives this step, so the binary is copied out.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --profile dist --locked --bin jobcast \
    && mkdir -p /image/app /image/data \
    && cp target/dist/jobcast /image/app/jobcast

# The C library of the same Debian release. Certificates are compiled into the binary.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /image/app /app
# The default DATABASE_URL is a SQLite file in the current folder: mount a volume here to keep it.
COPY --from=build --chown=65532:65532 /image/data /data
WORKDIR /data
USER 65532:65532

# A container is reached from outside, so loopback will not do. The server refuses any other address without AUTH_SECRET,
# unless ALLOW_ANONYMOUS=true: whoever runs the image says so, having made sure who can reach the port.
ENV HOST=0.0.0.0 PORT=8080
EXPOSE 8080

# No HEALTHCHECK: it would run a program inside the image, which has none to make a request with. Let the platform
# ask GET /healthz (alive) and GET /readyz (takes traffic).

# Process 1 gets the stop signal itself and drains for DRAIN_SECONDS (20): allow it more than Docker's 10 seconds.
# CMD and not ENTRYPOINT, so that a platform's release command replaces the whole line.
STOPSIGNAL SIGTERM
CMD ["/app/jobcast"]
