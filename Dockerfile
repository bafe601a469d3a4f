# The image of `mbmcp`: built with cached dependencies, run as a user without rights, on a root file
# system that may be read-only.
#
#   docker build --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" -t mbmcp .
#
# The version of Rust is that of rust-toolchain.toml; scripts/check-deploy compares the two.

FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src

# The dependencies alone, on an empty crate: this layer stays until Cargo.lock changes.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
    && touch src/lib.rs \
    && echo 'fn main() {}' > src/main.rs \
    && cargo build --release --locked --bin mbmcp \
    && cargo clean --release --locked --package memory-bank-mcp \
    && rm -r src

# The crate itself. What the empty one left is gone, so that no time stamp can pass it off as this.
COPY migrations migrations
COPY src src
RUN cargo build --release --locked --bin mbmcp

FROM debian:bookworm-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="mbmcp" \
      org.opencontainers.image.description="Hosted memory for AI coding assistants: a multi-tenant MCP server on Postgres" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="debian:bookworm-slim"

RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin mbmcp
# The certificates of the image above: no package manager runs here.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/target/release/mbmcp /usr/local/bin/mbmcp

# By number, so that Kubernetes can prove that it is not root. Nothing is written anywhere.
USER 10001:10001
WORKDIR /
EXPOSE 3100
# Asks /health: 200 while Postgres answers.
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s --start-interval=1s --retries=3 \
    CMD ["mbmcp", "healthcheck"]
ENTRYPOINT ["mbmcp"]
CMD ["serve"]
