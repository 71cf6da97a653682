# The app with its weights and samples. What is added and found lies in /data: mount it, or it goes with the container.
#   docker compose up     then http://127.0.0.1:8501
FROM python:3.12-slim AS built
COPY . /source
RUN /source/docker/setup /source /opt/mtunet

FROM python:3.12-slim
COPY --from=built /opt/mtunet /opt/mtunet
RUN useradd --create-home mtunet && mkdir /data && chown mtunet /data
USER mtunet
WORKDIR /home/mtunet
ENV MTUNET_DATA=/data
VOLUME /data
EXPOSE 8501
HEALTHCHECK CMD ["/opt/mtunet/bin/python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health')"]
# 0.0.0.0 is within the container; compose.yaml says who reaches it from outside. The log says the address with the key.
CMD ["/opt/mtunet/bin/mtunet", "app", "--server.address", "0.0.0.0", "--browser.serverAddress", "127.0.0.1"]
